"""The configuration read again while frames come: all of it is taken or nothing, and no frame is lost.

Prints one line of JSON with what was reloaded under load, and what was sent and stored meanwhile.
"""

import json
import signal
import unittest

from devices import STORED, Device, native_answer, native_frame
from support import SystemTest, eventually, hileractl

RELOADS = 100  # every third file is broken
RATE = 10_000  # datagrams a second


class Reload(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def setUp(self):
        self.sql("DELETE FROM frame")

    def write(self, hilerad, **sections):
        """Another configuration in the place of the one that it was started with."""
        hilerad.config.write_text(json.dumps(self.trial.config(**sections)), encoding="utf-8")

    def reload(self, hilerad, status=0):
        return hileractl("--control", hilerad.control, "reload", status=status)

    @staticmethod
    def refused(hilerad):
        return hilerad.by_label("datagrams_rejected_total", "reason")

    def test_loses_nothing_under_load(self):
        hilerad = self.start_hilerad()
        simulator = self.trial.start_simulator(hilerad.port, devices=1000, rate=RATE, seconds=3600, no_acks=True,
                                               log=False)
        eventually(lambda: hilerad.metrics()["datagrams_received_total"] > RATE // 10, "the load is there")
        refused = 0
        for number in range(RELOADS):
            if number % 3 == 2:
                broken = "listeners: [" if number % 2 else "pipeline: {ack: perhaps}"
                hilerad.config.write_text(broken, encoding="utf-8")
                self.assertIn(hilerad.config.name, self.reload(hilerad, status=1))
                refused += 1
            else:
                self.write(hilerad, pipeline={"max_in_flight": 20_000 - number, "store_deadline": f"{5 + number}s"},
                           log={"level": "info" if number % 2 else "debug"}, database={"connections": 1 + number % 8})
                self.reload(hilerad)
        self.assertEqual(hilerad.by_label("reloads_total", "outcome"), {"taken": RELOADS - refused, "refused": refused})
        simulator.terminate()
        sent = simulator.summary()["datagrams"]
        eventually(lambda: sent == sum(hilerad.metrics()[name] for name in ("datagrams_received_total",
                                                                            "kernel_drops_total")), "all are taken")
        drops = hilerad.metrics()["kernel_drops_total"]
        ledger = self.assert_ends_well(hilerad)
        print(json.dumps({"reloads": RELOADS, "refused": refused, "sent": sent, "stored": ledger["store"]["stored"],
                          "kernel_drops": drops}))
        self.assertEqual(ledger["intake"], {"received": sent, "accepted": sent, "control": 0, "rejected": 0,
                                            "dropped": 0, "in_flight": 0})
        self.assert_rows_match(ledger)
        self.assertEqual((self.count("frame"), drops), (sent, 0))
        self.assertEqual(self.order_violations(), 0)

    def test_listeners_come_and_go(self):
        hilerad = self.start_hilerad()
        trial = {"name": "trial", "codec": "native", "address": "127.0.0.1", "port": 0}

        def port_of(name):
            listener, = (each for each in json.loads(hilerad.get("/status"))["listeners"] if each["name"] == name)
            return int(listener["address"].rpartition(":")[2])

        frames = 50  # fewer than may be in flight from one source
        for number in range(1, 6):
            name = f"extra-{number}"
            self.write(hilerad, listeners=[trial, {**trial, "name": name}])
            self.reload(hilerad)
            with Device(hilerad.port) as stays, Device(port_of(name)) as leaves:
                for sequence in range(1, frames + 1):
                    leaves.send(native_frame(name, sequence))
                self.write(hilerad, listeners=[trial])
                self.reload(hilerad)
                self.assertEqual(stays.ask(native_frame("stays", number)), native_answer("stays", number, STORED))
                eventually(lambda: name in [each["name"] for each in hilerad.events("listener_closed")], "it is closed")
                self.assertEqual(hilerad.by_label("acks_sent_total", "listener")[name], frames)
        self.write(hilerad, listeners=[trial, {**trial, "name": "extra-1"}])
        self.assertIn("extra-1 was ended since the start", self.reload(hilerad, status=1))
        ledger = self.assert_ends_well(hilerad)
        self.assert_rows_match(ledger)
        self.assertEqual(self.count("frame"), 5 * frames + 5)

    def test_a_file_that_is_wrong_changes_nothing_and_says_why(self):
        hilerad = self.start_hilerad()
        for text, why in (("listeners: [", "hilerad.yaml:1"), ("colector: a", "colector"),
                          (None, "needs a restart: http")):
            with self.subTest(why):
                if text is None:
                    self.write(hilerad, http={"port": 1}, log={"level": "error"})
                else:
                    hilerad.config.write_text(text, encoding="utf-8")
                self.assertIn(why, self.reload(hilerad, status=1))
                self.assertEqual(hilerad.metrics()["reload_refused"], 1)
        self.assertEqual(len(hilerad.events("reload_refused")), 3, "the level of the log is as it was")
        self.write(hilerad)
        self.reload(hilerad)
        self.assertEqual(hilerad.metrics()["reload_refused"], 0)
        self.assert_ends_well(hilerad)

    def test_a_signal_does_the_same(self):
        hilerad = self.start_hilerad()
        hilerad.child.send_signal(signal.SIGHUP)
        eventually(lambda: hilerad.events("reloaded"), "the signal is seen")
        hilerad.config.unlink()
        hilerad.child.send_signal(signal.SIGHUP)
        eventually(lambda: hilerad.events("reload_refused"), "there is no file")
        self.assert_ends_well(hilerad)

    def test_devices_are_let_in_and_shut_out(self):
        known = self.folder / "known"
        known.write_text("first\n", encoding="utf-8")
        hilerad = self.start_hilerad(listeners=[{"name": "trial", "codec": "native", "address": "127.0.0.1", "port": 0,
                                                 "devices": "known", "devices_file": str(known)}])
        with Device(hilerad.port) as device:
            self.assertEqual(device.ask(native_frame("first", 1)), native_answer("first", 1, STORED))
            device.send(native_frame("second", 1))
            eventually(lambda: self.refused(hilerad) == {"unknown_device": 1}, "it is shut out")
            known.write_text("second\n", encoding="utf-8")
            self.reload(hilerad)
            self.assertEqual(device.ask(native_frame("second", 2)), native_answer("second", 2, STORED))
            device.send(native_frame("first", 2))
            eventually(lambda: self.refused(hilerad) == {"unknown_device": 2}, "it is shut out")
        self.assert_ends_well(hilerad)


if __name__ == "__main__":
    unittest.main()
