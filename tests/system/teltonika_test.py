"""Trackers of the market are understood: Teltonika's published datagrams are answered to the byte, and the rows hold
what they say."""

import collections
import datetime
import struct
import unittest

import devices
from devices import CODEC_16, CODEC_8, CODEC_8E, Device, avl_ack, avl_datagram, avl_record, fields_of
from support import SystemTest, eventually

PUBLISHED = {"codec 8": CODEC_8, "codec 8 extended": CODEC_8E, "codec 16": CODEC_16}
ACKS = {"codec 8": "0005CAFE010501", "codec 8 extended": "0005CAFE010701", "codec 16": "0005CAFE010701"}
HEADER = 25  # bytes before the first record

GPS = {"longitude": 0, "latitude": 0, "altitude": 0, "angle": 0, "satellites": 0, "speed": 0}
ROWS = [
    ("codec 8", "352093086403655", 1560407006000, datetime.datetime(2019, 6, 13, 6, 23, 26),
     {"priority": 1, **GPS, "event": 1, "io": {"21": 3, "1": 1, "66": 23996}}),
    ("codec 8 extended", "352093086403655", 1560407121000, datetime.datetime(2019, 6, 13, 6, 25, 21),
     {"priority": 1, **GPS, "event": 1,
      "io": {"1": 1, "17": 0x9D, "16": 22949000, "11": 0x3544C87A, "14": 0x1DD7E06A}}),
    ("codec 16", "352094085231592", 1447804801000, datetime.datetime(2015, 11, 18, 0, 0, 1),
     {"priority": 0, **GPS, "event": 239, "generation": 5, "io": {"1": 0, "3": 0, "180": 0, "239": 1, "66": 4378}}),
]


def with_length(body):
    return struct.pack(">H", len(body)) + body


MALFORMED = [
    ("cut in the head", CODEC_8[:7], "too_short"),
    ("empty", b"", "too_short"),
    ("cut at the end", CODEC_8[:-1], "length_mismatch"),
    ("one byte more", CODEC_8 + b"\0", "length_mismatch"),
    ("two datagrams glued", CODEC_8 + CODEC_8E, "length_mismatch"),
    ("an IMEI of 14 digits", avl_datagram(avl_record(1), imei="35209308640365"), "imei_length"),
    ("an IMEI with a letter", avl_datagram(avl_record(1), imei="35209308640365x"), "imei_digits"),
    ("an IMEI that is none", avl_datagram(avl_record(1), imei="\xff" * 15), "imei_digits"),
    ("a codec nobody knows", avl_datagram(avl_record(1), codec=0x77), "unknown_codec"),
    ("no records", avl_datagram(), "no_records"),
    ("a second count that differs", avl_datagram(avl_record(1), second_count=2), "count_mismatch"),
    ("fewer records than counted", avl_datagram(avl_record(1), count=200), "record_overrun"),
    ("more records than counted", avl_datagram(avl_record(1), avl_record(2), count=1), "trailing_bytes"),
    ("a group longer than the rest", avl_datagram(avl_record(1, io=b"\0\xff\xff\1\1")), "record_overrun"),
    ("a total that is no sum", avl_datagram(avl_record(1, io=b"\0\5\0\0\0\0")), "io_total"),
    ("a raw frame with another sum", devices.RESPONSE[:-1] + b"\0", "crc_mismatch"),
    ("our own command, echoed", devices.GETINFO, "message_type"),
    ("a message of wrong form", with_length(b"\xCA\xFE\x01\x05\x00\x0f352093086403655\x0c\x02\x06\0\0\0\1x\x02"),
     "message_form"),
]


class Teltonika(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def setUp(self):
        self.sql("DELETE FROM frame")
        # So that what is answered is stored.
        self.hilerad = self.start_hilerad(codec="teltonika", pipeline={"ack": "database"})
        self.device = self.enterContext(Device(self.hilerad.port))

    def tearDown(self):
        ledger = self.assert_ends_well(self.hilerad)
        self.assert_rows_match(ledger)

    def test_the_published_datagrams_are_answered_and_their_rows_hold_what_they_say(self):
        for name, datagram in PUBLISHED.items():
            self.assertEqual(self.device.ask(datagram).hex(), ACKS[name].lower(), name)
        for name, imei, time_ms, device_time, fields in ROWS:
            datagram = PUBLISHED[name]
            frame_id, digest = devices.key_of(datagram[HEADER:-1], time_ms)
            row, = self.sql("SELECT * FROM frame WHERE frame_id = %s", frame_id)
            with self.subTest(name):
                self.assertEqual(fields_of(row), fields)
                self.assertEqual((row["nserie"], row["codec"], row["digest"]), (imei, "teltonika", digest))
                self.assertEqual(row["device_time"], device_time)
                self.assertEqual((row["collector"], row["listener"], row["auth_level"]), ("trial", "trial", 0))
                self.assertEqual((row["peer_ip"], row["peer_port"]), ("::ffff:127.0.0.1", self.device.port))
                self.assertFalse(row["replayed"])

    def test_what_is_sent_again_is_answered_again_and_stored_once(self):
        for _ in range(3):
            for name, datagram in PUBLISHED.items():
                self.assertEqual(self.device.ask(datagram).hex(), ACKS[name].lower(), name)
        self.assertEqual(self.count("frame"), 3)
        metrics = self.hilerad.metrics()
        self.assertEqual(metrics["records_stored_total"], 3)
        self.assertEqual(metrics["records_duplicate_total"], 6)
        self.assertEqual(metrics["acks_sent_total"], 9)

    def test_the_records_of_a_datagram_are_stored_in_the_order_of_their_time(self):
        times = [5000, 2000, 4000, 1000, 3000]
        datagram = avl_datagram(*(avl_record(1500000000000 + each, speed=each // 1000) for each in times), avl_id=200)
        self.assertEqual(self.device.ask(datagram), avl_ack(datagram, 5))
        rows = self.sql("SELECT fields FROM frame ORDER BY commit_seq")
        self.assertEqual([fields_of(row)["speed"] for row in rows], [1, 2, 3, 4, 5])
        self.assertEqual(self.order_violations(), 0)

    def test_records_that_stand_in_a_later_datagram_again_are_stored_once(self):
        first = avl_datagram(avl_record(1500000000000), avl_record(1500000001000))
        both = avl_datagram(avl_record(1500000002000), avl_record(1500000001000), avl_record(1500000000000), avl_id=2)
        self.assertEqual(self.device.ask(first), avl_ack(first, 2))
        self.assertEqual(self.device.ask(both), avl_ack(both, 3))
        self.assertEqual(self.count("frame"), 3)

    def test_a_device_without_a_clock_keeps_its_records(self):
        nonsense = 2**63 + 5
        datagram = avl_datagram(avl_record(nonsense))
        self.assertEqual(self.device.ask(datagram), avl_ack(datagram, 1))
        row, = self.sql("SELECT * FROM frame")
        self.assertIsNone(row["device_time"])
        self.assertEqual(fields_of(row)["timestamp_ms"], nonsense)

    def test_a_response_to_a_command_is_control_and_not_answered(self):
        self.device.send(devices.RESPONSE)
        self.assertEqual(self.device.ask(CODEC_8).hex(), ACKS["codec 8"].lower())
        metrics = self.hilerad.metrics()
        self.assertEqual((metrics["datagrams_control_total"], metrics["acks_sent_total"]), (1, 1))

    def test_malformed_datagrams_are_counted_by_reason_and_not_answered(self):
        for _, datagram, _ in MALFORMED:
            self.device.send(datagram)
        # The first and only answer is that to the good one behind them.
        self.assertEqual(self.device.ask(CODEC_8).hex(), ACKS["codec 8"].lower())
        eventually(lambda: self.hilerad.metrics()["datagrams_in_flight"] == 0, "nothing is in flight")
        expected = collections.Counter(reason for _, _, reason in MALFORMED)
        self.assertEqual(self.hilerad.by_label("datagrams_rejected_total", "reason"), expected)
        self.assertEqual(self.hilerad.metrics()["acks_sent_total"], 1)
        self.assertFalse(self.device.has_mail())
        self.assertEqual(self.count("frame"), 1)


if __name__ == "__main__":
    unittest.main()
