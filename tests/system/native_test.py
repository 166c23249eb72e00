"""The native frame, written by hand after its description: answered to the byte, stored once, and kept aside when the
database cannot have it."""

import datetime
import unittest

import devices
from devices import DUPLICATE, REFUSED, STORED, Device, fields_of, native_answer, native_content, native_frame
from support import OneDeviceTest, SystemTest, eventually

EXAMPLE_TIME = 1700000000123
EXAMPLE_PAYLOAD = devices.f32(1, 21.5) + devices.i16(2, -7) + devices.boolean(3, True) + devices.text(9, "ok")
# The example of NATIVE_FRAME.md, as it is printed there.
EXAMPLE = bytes.fromhex("4e4601010007534e2d30303031" "000000070000002a0000018bcfe5687b0017"
                        "00013441ac0000" "000222fff9" "00030101" "00094000026f6b")
EXAMPLE_ANSWER = bytes.fromhex("4e46010a0007534e2d30303031" "000000070000002a00000000000000000001" "00")


class Native(OneDeviceTest):
    def tearDown(self):
        ledger = self.assert_ends_well(self.hilerad)
        self.assertEqual(ledger["store"]["stored"], self.count("frame"))

    def test_the_example_of_the_description_is_stored_and_answered_as_it_says(self):
        self.assertEqual(native_frame("SN-0001", 42, time_ms=EXAMPLE_TIME, payload=EXAMPLE_PAYLOAD), EXAMPLE)
        self.assertEqual(self.device.ask(EXAMPLE), EXAMPLE_ANSWER)
        row, = self.sql("SELECT * FROM frame")
        self.assertEqual(row["fields"], '{"epoch":7,"sequence":42,"values":{"1":21.5,"2":-7,"3":true,"9":"ok"}}')
        self.assertEqual((row["nserie"], row["codec"]), ("SN-0001", "native"))
        self.assertEqual(row["device_time"], datetime.datetime(2023, 11, 14, 22, 13, 20, 123000))
        content = native_content(42, EXAMPLE_TIME, EXAMPLE_PAYLOAD, epoch=7)
        self.assertEqual((row["frame_id"], row["digest"]), devices.key_of(content, EXAMPLE_TIME))
        self.assertEqual((row["auth_level"], row["raw"]), (0, None))

    def test_what_is_sent_again_is_called_a_duplicate(self):
        frame = native_frame("again", 1)
        self.assertEqual(self.device.ask(frame), native_answer("again", 1, STORED))
        self.assertEqual(self.device.ask(frame), native_answer("again", 1, DUPLICATE))
        self.assertEqual(self.count("frame"), 1)
        self.assertEqual(self.hilerad.metrics()["records_duplicate_total"], 1)

    def test_whether_an_answer_was_wanted_makes_no_other_record(self):
        self.device.send(native_frame("shy", 1, flags=0))
        self.assertEqual(self.device.ask(native_frame("shy", 1)), native_answer("shy", 1, DUPLICATE))
        self.assertEqual(self.count("frame"), 1)
        self.assertEqual(self.hilerad.metrics()["acks_sent_total"], 1)

    def test_a_device_without_a_clock_is_stored_without_a_device_time(self):
        self.assertEqual(self.device.ask(native_frame("timeless", 1, time_ms=0)), native_answer("timeless", 1, STORED))
        row, = self.sql("SELECT * FROM frame")
        self.assertIsNone(row["device_time"])
        self.assertGreaterEqual(row["frame_id"], 1 << 63)

    def test_frames_of_one_device_in_one_burst_are_stored_in_their_order(self):
        for sequence in range(1, 51):
            self.device.send(native_frame("burst", sequence, time_ms=EXAMPLE_TIME + 1000 - sequence))
        answers = sorted(self.device.receive() for _ in range(50))
        self.assertEqual(answers, sorted(native_answer("burst", sequence, STORED) for sequence in range(1, 51)))
        rows = self.sql("SELECT fields FROM frame ORDER BY commit_seq")
        self.assertEqual([fields_of(row)["sequence"] for row in rows], list(range(1, 51)))

    def test_the_same_key_with_another_content_is_a_conflict_and_kept_aside(self):
        frame = native_frame("twin", 1)
        self.device.send(native_frame("twin", 1, flags=0))  # without an answer it is not remembered as answered
        eventually(lambda: self.count("frame") == 1, "it is stored")
        self.sql("UPDATE frame SET digest = 'a fraud.' WHERE nserie = 'twin'")
        self.assertEqual(self.device.ask(frame), native_answer("twin", 1, REFUSED))
        letter, = self.sql("SELECT * FROM dead_letter")
        self.assertEqual((letter["reason"], letter["nserie"], letter["codec"]), ("conflict", "twin", "native"))
        self.assertEqual(letter["raw"], frame)
        row, = self.sql("SELECT * FROM frame")
        self.assertEqual((letter["frame_id"], row["digest"]), (row["frame_id"], b"a fraud."))

        # Again: still refused, and nothing more is kept.
        self.assertEqual(self.device.ask(frame), native_answer("twin", 1, REFUSED))
        self.assertEqual(self.count("dead_letter"), 1)

    def test_a_row_that_the_database_refuses_is_kept_aside_and_others_are_stored(self):
        self.refuse_rows_of("cursed")
        cursed = native_frame("cursed", 1)
        self.assertEqual(self.device.ask(cursed), native_answer("cursed", 1, REFUSED))
        self.assertEqual(self.device.ask(native_frame("blessed", 1)), native_answer("blessed", 1, STORED))
        letter, = self.sql("SELECT * FROM dead_letter")
        self.assertEqual((letter["reason"], letter["nserie"], letter["raw"]), ("refused", "cursed", cursed))
        self.assertIn("not this one", letter["error"])
        self.assertEqual([row["nserie"] for row in self.sql("SELECT nserie FROM frame")], ["blessed"])
        metrics = self.hilerad.metrics()
        self.assertEqual((metrics["records_dead_lettered_total"], metrics["records_stored_total"]), (1, 1))
        self.assertEqual(self.hilerad.by_label("db_errors_total", "class"), {"poison_row": 1})


MALFORMED = [
    ("empty", b"", "too_short"),
    ("a head only", b"NF\1\1\0\4abcd", "too_short"),
    ("not ours", b"XY" + EXAMPLE[2:], "bad_magic"),
    ("a version to come", native_frame("a", 1, version=2), "unknown_version"),
    ("a flag to come", native_frame("a", 1, flags=0x41), "unknown_flags"),
    ("no serial", native_frame("", 1), "serial_length"),
    ("a long serial", native_frame("a" * 33, 1), "serial_length"),
    ("a serial with a quote", native_frame("a'--", 1), "serial_characters"),
    ("a serial beyond ASCII", native_frame("\xe9t\xe9", 1), "serial_characters"),
    ("cut", EXAMPLE[:-1], "length_mismatch"),
    ("a byte more", EXAMPLE + b"\0", "length_mismatch"),
    ("no payload", native_frame("a", 1, payload=b""), "empty_payload"),
    ("from a collector", native_frame("a", 1, flags=0x03), "reflected"),
    ("encrypted", native_frame("a", 1, flags=0x05), "encrypted"),
    ("with a tag", native_frame("a", 1, flags=0x21) + b"t" * 16, "tag_unsupported"),
    ("sequence 0", native_frame("a", 0), "sequence_zero"),
    ("half an item", native_frame("a", 1, payload=b"\0\1\x14\0"), "item_truncated"),
    ("a text longer than the frame", native_frame("a", 1, payload=b"\0\1\x40\xff\xffab"), "item_truncated"),
    ("a type nobody knows", native_frame("a", 1, payload=b"\0\1\x99\0"), "item_type"),
    ("ids that descend", native_frame("a", 1, payload=devices.u8(2, 0) + devices.u8(1, 0)), "item_order"),
    ("a bool of 2", native_frame("a", 1, payload=b"\0\1\x01\2"), "item_value"),
    ("broken UTF-8", native_frame("a", 1, payload=b"\0\1\x40\0\2\xc3\x28"), "text_utf8"),
    ("an answer to nothing", native_frame("a", 1, flags=0x09), "flag_combination"),
    ("an answer of two bytes", native_frame("a", 1, flags=0x08, payload=b"\0\0"), "bad_answer"),
]


class MalformedNative(SystemTest):
    def test_malformed_frames_are_counted_by_reason_and_not_answered(self):
        self.start_database()
        hilerad = self.start_hilerad()
        device = self.enterContext(Device(hilerad.port))
        for name, datagram, reason in MALFORMED:
            before = hilerad.by_label("datagrams_rejected_total", "reason").get(reason, 0)
            device.send(datagram)
            with self.subTest(name):
                eventually(lambda: hilerad.by_label("datagrams_rejected_total", "reason").get(reason, 0) == before + 1,
                           f"{reason} is counted; so far {hilerad.by_label('datagrams_rejected_total', 'reason')}", 5)
        self.assertEqual(device.ask(EXAMPLE), EXAMPLE_ANSWER)
        self.assertEqual(hilerad.metrics()["acks_sent_total"], 1)
        self.assertFalse(device.has_mail())
        ledger = self.assert_ends_well(hilerad)
        self.assertEqual(ledger["intake"]["rejected"], len(MALFORMED))
        self.assert_rows_match(ledger)


if __name__ == "__main__":
    unittest.main()
