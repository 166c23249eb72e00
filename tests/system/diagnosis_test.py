"""What an operator learns of a daemon that runs: all its greenlets, on a signal and over HTTP, and what each kind costs."""

import os
import signal
import unittest

from devices import Device, native_frame
from support import SystemTest, eventually


class Diagnosis(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()
        cls.hilerad = cls.start_hilerad(log={"level": "info"})

    def test_all_greenlets_are_told_over_http(self):
        with Device(self.hilerad.port) as device:
            device.ask(native_frame("SERIAL-4711", 1))
        text = self.hilerad.get("/greenlets")
        for name in ("main", "receiver trial", "shard 0", "database monitor", "transmitter", "db keeper 1", "http acceptor"):
            self.assertRegex(text, rf"(?m)^ +#[0-9]+ {name}\b.*: (waits for|is ready|runs)")
        self.assertRegex(text, r"(?m)^ +#[0-9]+ http connection: runs, age ")
        self.assertNotIn("SERIAL-4711", text)

    def test_all_greenlets_are_told_in_the_log(self):
        os.kill(self.hilerad.child.pid, signal.SIGUSR1)
        eventually(lambda: self.hilerad.events("greenlets"), "the number of greenlets in the log")
        eventually(lambda: any(": waits for " in each["is"] for each in self.hilerad.events("greenlet")),
                   "those who wait, in the log")
        self.assertEqual(self.hilerad.get("/healthz"), "ok\n")

    def test_each_kind_has_its_cost(self):
        with Device(self.hilerad.port) as device:
            for sequence in range(1, 501):
                device.ask(native_frame("SERIAL-4712", sequence))
        kinds = {labels["kind"] for name, labels, _ in self.hilerad.samples() if name == "greenlet_slice_seconds_count"}
        self.assertLessEqual({"frame", "shard", "receiver", "http connection", "other"}, kinds)
        measured = sum(value for name, labels, value in self.hilerad.samples()
                       if name == "greenlet_slice_seconds_count" and labels["kind"] == "frame")
        self.assertGreater(measured, 0)


if __name__ == "__main__":
    unittest.main()
