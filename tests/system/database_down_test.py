"""A database that is not there, or is not ready for Hilera, stops nothing: the daemon starts, receives, says what is
wrong, acknowledges nothing, and goes on by itself as soon as the cause is gone."""

import itertools
import unittest

from devices import STORED, Device, native_answer, native_frame
from support import SystemTest, eventually

# Short, so that a datagram without a database is given up soon.
IMPATIENT = {"store_deadline": "500ms"}


numbers = itertools.count()


class DatabaseDown(SystemTest):
    # Each test has a server of its own.

    def setUp(self):
        self.name = f"db{next(numbers)}"

    def tearDown(self):
        self.close_sql()
        self.trial.database.stop()

    def wait_for_problem(self, hilerad, *words):
        """/readyz says 503 with these words; hileractl and /status say the same."""
        def told():
            status, text = hilerad.ask("/readyz")
            return status == 503 and all(word in text for word in words)
        eventually(told, f"/readyz says {words}; it says {hilerad.ask('/readyz')}")
        self.assertEqual(hilerad.ask("/healthz"), (200, "ok\n"))

    def assert_serves(self, hilerad, device, serial):
        """Soon, without being touched. `device` was without an answer so far and sends its frame again."""
        eventually(lambda: hilerad.metrics()["db_up"] == 1, "the database is found")
        self.assertEqual(device.ask(native_frame(serial, 1)), native_answer(serial, 1, STORED))
        self.assertEqual(hilerad.ask("/readyz"), (200, "ready\n"))
        self.assertFalse(device.has_mail())
        ledger = self.assert_ends_well(hilerad)
        self.assert_rows_match(ledger)
        return ledger

    def assert_drops(self, hilerad, device, serial):
        device.send(native_frame(serial, 1))
        eventually(lambda: hilerad.by_label("datagrams_dropped_total", "reason") == {"store_unavailable": 1},
                   "the frame is dropped because there is no store")
        self.assertEqual(hilerad.metrics()["acks_sent_total"], 0)
        self.assertFalse(device.has_mail())

    def test_a_server_that_comes_late(self):
        database = self.start_database(name=self.name)
        database.stop()
        hilerad = self.start_hilerad(pipeline=IMPATIENT)  # has said READY=1
        device = self.enterContext(Device(hilerad.port))
        self.wait_for_problem(hilerad, "database:", "mysqld.sock")
        self.assert_drops(hilerad, device, "early")
        self.assertEqual(hilerad.metrics()["db_up"], 0)
        database.start()
        ledger = self.assert_serves(hilerad, device, "early")
        self.assertEqual(ledger["intake"], {"received": 2, "accepted": 1, "control": 0, "rejected": 0, "dropped": 1,
                                            "in_flight": 0})

    def test_frames_that_can_wait_are_stored_when_the_server_comes(self):
        database = self.start_database(name=self.name)
        database.stop()
        hilerad = self.start_hilerad(pipeline={"store_deadline": "60s"})
        with Device(hilerad.port) as device:
            for sequence in range(1, 21):
                device.send(native_frame("patient", sequence))
            eventually(lambda: hilerad.metrics()["datagrams_in_flight"] == 20, "the frames wait")
            database.start()
            answers = {device.receive() for _ in range(20)}
        self.assertEqual(answers, {native_answer("patient", sequence, STORED) for sequence in range(1, 21)})
        self.assertEqual(self.order_violations(), 0)
        self.assert_rows_match(self.assert_ends_well(hilerad))

    def test_tables_that_are_missing(self):
        self.start_database(name=self.name, tables=False)
        hilerad = self.start_hilerad(pipeline=IMPATIENT)
        device = self.enterContext(Device(hilerad.port))
        self.wait_for_problem(hilerad, "missing", "hileractl schema apply")
        self.assert_drops(hilerad, device, "roomless")
        self.trial.make_tables()
        self.assert_serves(hilerad, device, "roomless")

    def test_tables_that_are_missing_are_made_by_a_daemon_that_may(self):
        self.start_database(name=self.name, tables=False).sql("GRANT ALL ON hilera.* TO hilera@localhost")
        hilerad = self.start_hilerad()
        self.wait_until_ready(hilerad)
        self.assertTrue(hilerad.events("schema_applied"))
        with Device(hilerad.port) as device:
            self.assert_serves(hilerad, device, "homely")

    def test_tables_of_a_version_to_come(self):
        self.start_database(name=self.name)
        self.sql("INSERT INTO schema_version (version, name) VALUES (99, 'a step of the future')")
        hilerad = self.start_hilerad(pipeline=IMPATIENT)
        self.wait_for_problem(hilerad, "version 99")
        self.sql("DELETE FROM schema_version WHERE version = 99")
        self.wait_until_ready(hilerad)
        self.assert_ends_well(hilerad)

    def test_an_account_that_is_locked(self):
        self.start_database(name=self.name)
        self.sql("ALTER USER hilera@localhost ACCOUNT LOCK")
        hilerad = self.start_hilerad(pipeline=IMPATIENT)
        device = self.enterContext(Device(hilerad.port))
        self.wait_for_problem(hilerad, "hilera")
        self.assert_drops(hilerad, device, "locked")
        self.sql("ALTER USER hilera@localhost ACCOUNT UNLOCK")
        self.assert_serves(hilerad, device, "locked")

    def test_a_table_that_is_away_for_a_while(self):
        self.start_database(name=self.name)
        hilerad = self.start_hilerad(pipeline={"store_deadline": "60s"})
        self.wait_until_ready(hilerad)
        self.sql("RENAME TABLE frame TO elsewhere")
        with Device(hilerad.port) as device:
            device.send(native_frame("patient", 1))
            eventually(lambda: hilerad.by_label("db_errors_total", "class").get("stop_and_alarm"), "it is counted")
            eventually(lambda: hilerad.events("store_stopped"), "it is logged")
            self.sql("RENAME TABLE elsewhere TO frame")
            self.assertEqual(device.receive(), native_answer("patient", 1, STORED))
        self.assertEqual(self.count("dead_letter"), 0)
        self.assert_rows_match(self.assert_ends_well(hilerad))


if __name__ == "__main__":
    unittest.main()
