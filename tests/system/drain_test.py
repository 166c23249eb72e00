"""The end on SIGTERM: what was acknowledged is stored, what was not is counted, and it does not take longer than
agreed, database or not."""

import itertools
import os
import signal
import time
import unittest

from devices import STORED, Device, native_answer, native_frame
from support import SystemTest, eventually, freeze, thaw

DRAIN = 2.0  # seconds, of the tests whose database does not answer
MARGIN = 10.0  # seconds, for a machine that is busy


def turned_away(hilerad):
    """Datagrams that came after the drain of the sockets, and were only counted."""
    return sum(int(event["datagrams"]) for event in hilerad.events("turned_away"))


class Drain(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def setUp(self):
        self.sql("DELETE FROM frame")

    def assert_ends_under_load(self, number):
        hilerad = self.start_hilerad()
        simulator = self.trial.start_simulator(hilerad.port, devices=200, rate=0, seconds=600, wait_acks=1)
        eventually(lambda: hilerad.metrics()["records_stored_total"] > 1000, "the load is there")
        hilerad.child.send_signal(number)
        self.assertEqual(hilerad.wait(30 + MARGIN), 0, hilerad.log_tail())
        hilerad.notifications.wait_for("STOPPING=1", hilerad)
        simulator.terminate()
        self.assertGreater(simulator.summary()["acked"], 1000)
        self.assertEqual(self.trial.lost_acked(simulator), 0)
        ledger = hilerad.last_ledger()
        self.assert_balanced(ledger)
        self.assertEqual(ledger["intake"]["in_flight"], 0)
        # Besides those only what was sent again while it was on its way.
        begun = ledger["intake"]["dropped"] - turned_away(hilerad)
        self.assertTrue(0 <= begun <= simulator.summary()["resent"], "of what was begun")
        self.assert_rows_match(ledger)
        self.assertEqual(self.order_violations(), 0)
        self.assertFalse(os.path.exists(hilerad.control))

    def test_sigterm_under_load_finishes_what_was_begun(self):
        self.assert_ends_under_load(signal.SIGTERM)

    def test_sigint_is_the_same(self):
        self.assert_ends_under_load(signal.SIGINT)

    def test_sighup_ends_nothing(self):
        hilerad = self.start_hilerad()
        hilerad.child.send_signal(signal.SIGHUP)
        eventually(lambda: hilerad.events("reloaded"), "the signal is seen")
        with Device(hilerad.port) as device:
            self.assertEqual(device.ask(native_frame("after", 1)), native_answer("after", 1, STORED))
        self.assert_ends_well(hilerad)

    def test_what_waits_in_the_socket_is_still_stored(self):
        hilerad = self.start_hilerad(pipeline={"max_in_flight_per_source": 1000})
        with Device(hilerad.port) as device:
            device.ask(native_frame("early", 1))
            # Stopped, so that they are still in the socket when the signal is seen.
            freeze(hilerad.child.pid)
            # No more than the kernel's usual receive buffer takes, here and there: the answers come in one burst.
            for sequence in range(1, 201):
                device.send(native_frame("late", sequence))
            os.kill(hilerad.child.pid, signal.SIGTERM)
            thaw(hilerad.child.pid)
            answers = {device.receive() for _ in range(200)}
        self.assertEqual(answers, {native_answer("late", sequence, STORED) for sequence in range(1, 201)})
        self.assertEqual(hilerad.wait(30 + MARGIN), 0)
        self.assert_rows_match(hilerad.last_ledger())
        self.assertEqual(self.count("frame"), 201)


numbers = itertools.count()


class DrainWithoutDatabase(SystemTest):
    """The server does not answer, and does not refuse either: it is stopped."""

    def setUp(self):
        self.start_database(name=f"db{next(numbers)}")
        self.addCleanup(self.resume_and_stop)

    def resume_and_stop(self):
        thaw(self.trial.database.pid)
        self.close_sql()
        self.trial.database.stop()

    def start_stuck(self, timeout):
        """A daemon with 50 frames that wait for the database."""
        hilerad = self.start_hilerad(pipeline={"ack": "database", "store_deadline": "60s"},
                                     database={"query_timeout": "10min"}, drain={"timeout": timeout},
                                     journal={"directory": str(self.folder / f"journal{next(numbers)}")})
        device = self.enterContext(Device(hilerad.port))
        self.assertEqual(device.ask(native_frame("early", 1)), native_answer("early", 1, STORED))
        freeze(self.trial.database.pid)
        for sequence in range(1, 51):
            device.send(native_frame("stuck", sequence))
        eventually(lambda: hilerad.metrics()["records_accepted_total"] == 51, "the frames are in the journal")
        self.assertEqual(hilerad.metrics()["datagrams_in_flight"], 50)
        return hilerad, device

    def assert_all_left_in_the_journal(self, hilerad, device):
        ledger = hilerad.last_ledger()
        self.assert_balanced(ledger)
        self.assertEqual(ledger["intake"], {"received": 51, "accepted": 51, "control": 0, "rejected": 0, "dropped": 0,
                                            "in_flight": 0})
        self.assertEqual(ledger["store"]["pending"], 50)
        self.assertFalse(device.has_mail())

    def test_the_drain_has_a_deadline(self):
        hilerad, device = self.start_stuck(f"{DRAIN:.0f}s")
        began = time.monotonic()
        self.assertEqual(hilerad.terminate(), 0, hilerad.log_tail())
        self.assertLess(time.monotonic() - began, DRAIN + MARGIN)
        hilerad.notifications.wait_for("STOPPING=1", hilerad)
        self.assert_all_left_in_the_journal(hilerad, device)

    def test_a_second_signal_ends_at_once(self):
        hilerad, device = self.start_stuck("10min")
        hilerad.child.send_signal(signal.SIGTERM)
        hilerad.notifications.wait_for("STOPPING=1", hilerad)
        # Still there, and still to be asked, while it drains.
        self.assertEqual(hilerad.metrics()["datagrams_in_flight"], 50)
        status, text = hilerad.ask("/readyz")
        self.assertEqual(status, 503, text)
        hilerad.child.send_signal(signal.SIGTERM)
        self.assertEqual(hilerad.wait(MARGIN), 0, hilerad.log_tail())
        self.assert_all_left_in_the_journal(hilerad, device)

    def test_what_comes_too_late_is_counted(self):
        hilerad, _ = self.start_stuck("10min")
        hilerad.child.send_signal(signal.SIGTERM)
        hilerad.notifications.wait_for("STOPPING=1", hilerad)
        self.assertEqual(hilerad.metrics()["datagrams_received_total"], 51)
        with Device(hilerad.port) as device:
            for sequence in range(1, 101):
                device.send(native_frame("late", sequence))
            hilerad.child.send_signal(signal.SIGTERM)
            self.assertEqual(hilerad.wait(MARGIN), 0, hilerad.log_tail())
            self.assertFalse(device.has_mail())
        ledger = hilerad.last_ledger()
        self.assert_balanced(ledger)
        self.assertEqual(ledger["intake"]["received"], 151)
        self.assertEqual(turned_away(hilerad), 100)

    def test_a_database_that_wakes_up_during_the_drain_gets_its_rows(self):
        hilerad, device = self.start_stuck("10min")
        hilerad.child.send_signal(signal.SIGTERM)
        hilerad.notifications.wait_for("STOPPING=1", hilerad)
        thaw(self.trial.database.pid)
        answers = {device.receive() for _ in range(50)}
        self.assertEqual(answers, {native_answer("stuck", sequence, STORED) for sequence in range(1, 51)})
        self.assertEqual(hilerad.wait(MARGIN), 0, hilerad.log_tail())
        ledger = hilerad.last_ledger()
        self.assert_balanced(ledger)
        self.assert_rows_match(ledger)


if __name__ == "__main__":
    unittest.main()
