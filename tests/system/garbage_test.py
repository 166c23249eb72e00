"""What anybody can send to an open port: too much, too long, and noise. It is counted, answered by nothing, and in
nobody's way."""

import random
import unittest

import devices
from devices import STORED, Device, native_answer, native_frame
from support import SystemTest, eventually

NATIVE_LIMIT = 1472
TELTONIKA_LIMIT = 2048
LONGEST_DATAGRAM = 65507
NOISE = 3000  # datagrams


class Garbage(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def setUp(self):
        self.sql("DELETE FROM frame")
        self.hilerad = self.start_hilerad(pipeline={"max_in_flight_per_source": 1000}, listeners=[
            {"name": "native", "codec": "native", "address": "127.0.0.1", "port": 0},
            {"name": "trackers", "codec": "teltonika", "address": "127.0.0.1", "port": 0}])
        self.native = self.enterContext(Device(self.hilerad.ports["native"]))
        self.tracker = self.enterContext(Device(self.hilerad.ports["trackers"]))

    def tearDown(self):
        ledger = self.assert_ends_well(self.hilerad)
        self.assert_rows_match(ledger)
        self.assertEqual(ledger["intake"]["dropped"], 0)

    def wait_until_received(self, datagrams):
        def all_are_in():
            metrics = self.hilerad.metrics()
            return metrics["datagrams_received_total"] == datagrams and metrics["datagrams_in_flight"] == 0
        eventually(all_are_in, f"{datagrams} datagrams are received; {self.hilerad.metrics()}")

    def test_datagrams_above_the_limit_are_refused_and_those_at_it_are_not(self):
        padding = NATIVE_LIMIT - len(native_frame("long", 1, payload=devices.text(1, "")))
        self.assertEqual(self.native.ask(native_frame("long", 1, payload=devices.text(1, "x" * padding))),
                         native_answer("long", 1, STORED))
        self.native.send(native_frame("long", 2, payload=devices.text(1, "x" * (padding + 1))))
        self.native.send(bytes(LONGEST_DATAGRAM))
        for size in (TELTONIKA_LIMIT + 1, LONGEST_DATAGRAM):
            self.tracker.send(bytes(size))
        self.tracker.send(bytes(TELTONIKA_LIMIT))
        self.wait_until_received(6)
        self.assertEqual(self.hilerad.by_label("datagrams_rejected_total", "reason"),
                         {"oversize": 4, "length_mismatch": 1})
        self.assertEqual(self.hilerad.metrics()["acks_sent_total"], 1)

    def test_noise_is_rejected_and_not_answered(self):
        noise = random.Random(20261122)
        for _ in range(NOISE // 2):
            self.native.send(noise.randbytes(noise.randrange(200)))
            self.tracker.send(noise.randbytes(noise.randrange(200)))
        self.wait_until_received(NOISE)
        metrics = self.hilerad.metrics()
        self.assertEqual((metrics["datagrams_rejected_total"], metrics["acks_sent_total"]), (NOISE, 0))
        self.assertFalse(self.native.has_mail() or self.tracker.has_mail())
        self.assertEqual(self.native.ask(native_frame("after", 1)), native_answer("after", 1, STORED))

    def test_broken_frames_are_stored_or_rejected_and_the_ledger_balances(self):
        """Frames with a bit turned; some of them are still frames, and then they are stored and answered."""
        noise = random.Random(7)
        frames = {self.native: native_frame("flip", 1, payload=devices.f32(1, 1.5) + devices.text(2, "h\u00e9")),
                  self.tracker: devices.CODEC_8E}
        sent = 0
        for device, frame in frames.items():
            for bit in noise.sample(range(8 * len(frame)), min(400, 8 * len(frame))):
                broken = bytearray(frame)
                broken[bit // 8] ^= 1 << bit % 8
                device.send(broken)
                sent += 1
        self.wait_until_received(sent)
        metrics = self.hilerad.metrics()
        self.assertEqual(metrics["datagrams_accepted_total"] + metrics["datagrams_rejected_total"]
                         + metrics["datagrams_control_total"], sent)
        self.assertEqual(metrics["records_dead_lettered_total"], 0)
        self.assertGreater(metrics["datagrams_accepted_total"], 0)
        self.assertGreater(metrics["datagrams_rejected_total"], 0)


if __name__ == "__main__":
    unittest.main()
