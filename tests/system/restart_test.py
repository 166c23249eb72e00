"""Restarts with sockets that somebody else holds, as systemd does for hilera.socket: what arrives while no daemon runs
waits for the next one, so that nothing is lost.

Without an argument a few restarts under load; with --all fifty. Prints one line of JSON with what was sent and stored.
"""

import json
import sys
import unittest

from devices import STORED, Device, native_answer, native_frame
from support import SystemTest, eventually, hileractl, trial

RATE = 10_000  # datagrams a second
A_MOMENT = RATE // 2  # datagrams that a daemon takes before it is restarted


def listener(name, held, codec="native"):
    return {"name": name, "codec": codec, "address": held.host, "port": held.port}


class Restart(SystemTest):
    restarts = 5

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def setUp(self):
        self.sql("DELETE FROM frame")

    def hold(self, **options):
        held = trial.HeldSocket(**options)
        self.addCleanup(held.close)
        return held

    def end(self, hilerad):
        """SIGTERM under load; how many datagrams it has taken, none of which may be lost."""
        self.assertEqual(hilerad.terminate(), 0, hilerad.log_tail())
        hilerad.kill()
        ledger = hilerad.last_ledger()
        self.assert_balanced(ledger)
        intake = ledger["intake"]
        self.assertEqual((intake["dropped"], intake["rejected"], intake["in_flight"]), (0, 0, 0), hilerad.log_tail())
        return intake["accepted"]

    def test_loses_nothing_under_load(self):
        held = self.hold()
        start = lambda: self.start_hilerad(sockets=[held], listeners=[listener("trial", held)])  # noqa: E731
        hilerad = start()
        simulator = self.trial.start_simulator(held.port, devices=1000, rate=RATE, seconds=3600, no_acks=True,
                                               log=False)
        taken = 0
        for _ in range(self.restarts):
            eventually(lambda: hilerad.metrics()["datagrams_received_total"] > A_MOMENT, "the load is there")
            taken += self.end(hilerad)
            self.daemons.remove(hilerad)
            hilerad = start()
        simulator.terminate()
        sent = simulator.summary()["datagrams"]
        eventually(lambda: taken + hilerad.metrics()["datagrams_received_total"] == sent, "every datagram was taken")
        taken += self.end(hilerad)
        rows = self.count("frame")
        print(json.dumps({"restarts": self.restarts, "sent": sent, "taken": taken, "rows": rows,
                          "kernel_drops": held.drops()}))
        self.assertEqual((taken, rows, held.drops()), (sent, sent, 0))
        self.assertEqual(self.order_violations(), 0)

    def test_what_arrives_while_none_runs_is_answered_by_the_next_one(self):
        held = self.hold()
        with Device(held.port) as device:
            for sequence in range(1, 101):
                device.send(native_frame("early", sequence))
            hilerad = self.start_hilerad(sockets=[held], listeners=[listener("trial", held)],
                                         pipeline={"max_in_flight_per_source": 1000})
            answers = {device.receive() for _ in range(100)}
        self.assertEqual(answers, {native_answer("early", sequence, STORED) for sequence in range(1, 101)})
        self.assert_ends_well(hilerad)

    def test_each_socket_goes_to_its_listener(self):
        by_address, by_name = self.hold(), self.hold(name="named")
        hilerad = self.start_hilerad(sockets=[by_name, by_address], listeners=[
            listener("other", by_address), {**listener("named", by_name), "port": 0},
            {"name": "own", "codec": "native", "address": "127.0.0.1", "port": 0}])
        self.assertEqual((hilerad.ports["other"], hilerad.ports["named"]), (by_address.port, by_name.port))
        self.assertEqual({event["name"]: event["handed_over"] for event in hilerad.events("listener_bound")},
                         {"other": "true", "named": "true", "own": "false"})
        self.assert_ends_well(hilerad)

    def test_a_socket_that_fits_no_listener_keeps_no_other_one_from_being_read(self):
        """As after a change of hilera.yaml alone: hilera.socket has the listener still, or its old port."""
        held, gone = self.hold(), self.hold()
        hilerad = self.start_hilerad(sockets=[gone, held], listeners=[listener("trial", held)])
        with Device(held.port) as device:
            self.assertEqual(device.ask(native_frame("heard", 1)), native_answer("heard", 1, STORED))
        told = f"at 127.0.0.1:{gone.port}, handed over by systemd, fits no listener"
        self.assertIn(told, hilerad.events("socket_not_read")[0]["detail"])
        self.assertIn(told, hileractl("--control", hilerad.control, "status", status=None))
        self.assertEqual(hilerad.metrics()["sockets_unread"], 1)
        self.assert_ends_well(hilerad)

    def test_what_a_socket_had_dropped_before_is_not_dropped_once_more(self):
        held = self.hold(receive_buffer=4096)
        with Device(held.port) as device:
            for sequence in range(1, 101):
                device.send(native_frame("early", sequence))
            drops = held.drops()
            self.assertGreater(drops, 0)
            hilerad = self.start_hilerad(sockets=[held], listeners=[listener("trial", held)])
            self.assertEqual(hilerad.metrics()["kernel_drops_total"], drops)
            eventually(lambda: hilerad.metrics()["datagrams_received_total"] == 100 - drops, "what waited is taken")
        with Device(held.port) as device:
            self.assertEqual(device.ask(native_frame("late", 1)), native_answer("late", 1, STORED))
        self.assertEqual(hilerad.metrics()["kernel_drops_total"], drops)
        status = json.loads(hilerad.get("/status"))
        self.assertEqual(status["listeners"][0]["kernel_drops"], 0)
        self.assertNotIn("receive buffer", json.dumps(status["findings"]))
        self.assert_ends_well(hilerad)


if __name__ == "__main__":
    if "--all" in sys.argv:
        sys.argv.remove("--all")
        Restart.restarts = 50
    trial.exit_on_signals()
    unittest.main()
