"""Frames to devices: queued by an operator, sent when the device is known, from the listener that it spoke to."""

import json
import signal
import struct
import unittest

import devices
from devices import CODEC_8, GETINFO, STORED, Device, native_answer, native_frame
from support import SystemTest, eventually, freeze, hileractl, thaw

WANTED, FROM_COLLECTOR, ANSWER, NOT_NOW = 0x01, 0x02, 0x08, 0x10


def native_downlink(serial, number, payload):
    head = b"NF" + bytes([1, WANTED | FROM_COLLECTOR, 0, len(serial)]) + serial.encode("ascii")
    return head + struct.pack(">QQH", number, 0, len(payload)) + payload


def blob(payload):
    return struct.pack(">HBH", 0, 0x50, len(payload)) + payload


class Downlink(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def setUp(self):
        self.sql("DELETE FROM downlink")
        self.hilerad = self.start_hilerad(transmit={"poll_interval": "20ms"}, listeners=[
            {"name": "native", "codec": "native", "address": "0.0.0.0", "port": 0},
            {"name": "trackers", "codec": "teltonika", "address": "127.0.0.1", "port": 0}])
        self.device = self.enterContext(Device(self.hilerad.ports["native"], "127.0.0.2"))

    def tearDown(self):
        self.assert_ends_well(self.hilerad)

    def ctl(self, *arguments, **options):
        return hileractl("--control", self.hilerad.control, *arguments, **options)

    def add(self, *arguments):
        return json.loads(self.ctl("--json", "downlink", "add", *arguments))["id"]

    def listed(self, *arguments):
        return json.loads(self.ctl("--json", "downlink", "list", *arguments))["downlinks"]

    def row(self, number):
        row, = self.sql("SELECT * FROM downlink WHERE id = %s", number)
        return row

    def wait_for_state(self, number, state):
        eventually(lambda: self.row(number)["state"] == state, f"downlink {number} is {state}: {self.row(number)}")
        return self.row(number)

    def let_it_be_heard(self, serial="SN-1"):
        answer = self.device.ask(native_frame(serial, 1))
        self.assertEqual(answer[:-1], native_answer(serial, 1, STORED)[:-1])

    def test_a_frame_reaches_the_device_at_its_last_address(self):
        self.let_it_be_heard()
        number = self.add("SN-1", "--hex", "c0ffee")
        # The socket is connected to 127.0.0.2: it takes nothing that comes from another address.
        self.assertEqual(self.device.receive(), native_downlink("SN-1", number, blob(b"\xc0\xff\xee")))
        row = self.wait_for_state(number, "sent")
        self.assertEqual((row["attempts"], row["last_error"], row["lease_owner"], row["lease_until"]),
                         (1, None, None, None))
        self.assertLessEqual(row["created_at"], row["sent_at"])
        listed, = self.listed("--nserie", "SN-1")
        self.assertEqual((listed["id"], listed["state"], listed["attempts"], listed["payload_size"]),
                         (number, "sent", 1, 3))
        self.assertEqual(self.hilerad.by_label("downlink_total", "state"), {"queued": 1, "sent": 1})

        # The device says that it has it; nobody answers to that.
        self.answer("SN-1", number, 0)
        row = self.wait_for_state(number, "delivered")
        self.assertLessEqual(row["sent_at"], row["delivered_at"])
        self.assertFalse(self.device.has_mail())
        eventually(lambda: self.hilerad.by_label("downlink_total", "state") ==
                   {"queued": 1, "sent": 1, "delivered": 1},
                   "it is counted")

    def answer(self, serial, number, status, flags=ANSWER):
        self.device.send(native_frame(serial, number & 0xFFFFFFFF, flags=flags, epoch=number >> 32, time_ms=0,
                                      payload=bytes([status])))

    def test_what_a_device_refuses_has_failed(self):
        self.let_it_be_heard()
        number = self.add("SN-1", "--text", "no")
        self.device.receive()
        self.answer("SN-1", number, 2)
        row = self.wait_for_state(number, "failed")
        self.assertEqual((row["last_error"], row["delivered_at"]), ("the device refuses it", None))

    def test_not_now_puts_it_back_for_a_while(self):
        self.let_it_be_heard()
        number = self.add("SN-1", "--text", "later")
        self.device.receive()
        self.wait_for_state(number, "sent")
        self.answer("SN-1", number, 0, flags=NOT_NOW)
        row = self.wait_for_state(number, "queued")
        self.assertEqual((row["attempts"], row["last_error"]), (1, "the device: not now"))
        self.assertGreater(row["retry_at"], row["sent_at"])

    def test_nobody_answers_for_another_device(self):
        self.let_it_be_heard()
        number = self.add("SN-1", "--text", "mine")
        self.device.receive()
        self.wait_for_state(number, "sent")
        self.answer("SN-2", number, 0)
        eventually(lambda: self.hilerad.by_label("downlink_answers_total", "outcome").get("unknown") == 1,
                   "it is known to be an answer to nothing")
        self.assertEqual(self.row(number)["state"], "sent")

    def test_an_answer_that_comes_while_the_database_is_away_is_written_later(self):
        self.let_it_be_heard()
        number = self.add("SN-1", "--text", "now")
        self.device.receive()
        self.wait_for_state(number, "sent")
        freeze(self.trial.database.pid)
        try:
            self.answer("SN-1", number, 0)
            eventually(lambda: self.hilerad.metrics()["datagrams_control_total"] == 1, "the answer has come")
        finally:
            thaw(self.trial.database.pid)
        self.wait_for_state(number, "delivered")

    def test_it_follows_a_device_that_moves(self):
        self.let_it_be_heard()
        with Device(self.hilerad.ports["native"]) as elsewhere:
            elsewhere.ask(native_frame("SN-1", 2))
            number = self.add("SN-1", "--text", "hello")
            self.assertEqual(elsewhere.receive(), native_downlink("SN-1", number, blob(b"hello")))
        self.assertFalse(self.device.has_mail())

    def test_a_list_of_items_is_sent_as_it_is(self):
        self.let_it_be_heard()
        items = devices.u8(1, 5) + devices.text(2, "on")
        number = self.add("SN-1", "--hex", items.hex())
        self.assertEqual(self.device.receive(), native_downlink("SN-1", number, items))

    def test_several_are_sent_one_after_the_other_in_the_order_in_which_they_were_queued(self):
        numbers = [self.add("SN-1", "--text", str(i)) for i in range(10)]
        self.let_it_be_heard()
        for i, number in enumerate(numbers):
            self.assertEqual(self.device.receive(), native_downlink("SN-1", number, blob(str(i).encode())))
            self.assertFalse(self.device.has_mail())
            self.answer("SN-1", number, 0)
        self.wait_for_state(numbers[-1], "delivered")

    def test_a_command_to_a_tracker_is_what_its_maker_publishes(self):
        with Device(self.hilerad.ports["trackers"]) as tracker:
            tracker.ask(CODEC_8)
            number = self.add("352093086403655", "--text", "getinfo")
            self.assertEqual(tracker.receive(), GETINFO)
            self.wait_for_state(number, "sent")
            # Its answer, within a datagram that names the device.
            message = b"\x0c\x01\x06" + struct.pack(">I", 5) + b"INI:1" + b"\x01"
            body = b"\xca\xfe\x01\x06" + struct.pack(">H", 15) + b"352093086403655" + message
            tracker.send(struct.pack(">H", len(body)) + body)
            self.assertEqual(self.wait_for_state(number, "delivered")["answer"], "INI:1")

    def test_an_answer_without_a_name_is_that_of_the_tracker_that_was_asked_at_its_address(self):
        with Device(self.hilerad.ports["trackers"]) as tracker, Device(self.hilerad.ports["trackers"]) as other:
            tracker.ask(CODEC_8)
            other.send(devices.RESPONSE)
            number = self.add("352093086403655", "--text", "getio")
            tracker.receive()
            self.wait_for_state(number, "sent")
            other.send(devices.RESPONSE)
            eventually(lambda: self.hilerad.by_label("downlink_answers_total", "outcome").get("unknown") == 2,
                       "nobody was asked there")
            self.assertEqual(self.row(number)["state"], "sent")
            tracker.send(devices.RESPONSE)
            row = self.wait_for_state(number, "delivered")
            self.assertEqual(row["answer"], "DI1:1 DI2:0 DI3:0 AIN1:0 AIN2:16924 DO1:0 DO2:1")

    def test_a_device_that_does_not_answer_holds_up_no_other(self):
        self.let_it_be_heard("SN-1")
        silent = self.add("SN-1", "--text", "first")
        self.device.receive()
        behind = self.add("SN-1", "--text", "second")
        self.wait_for_state(silent, "sent")
        with Device(self.hilerad.ports["native"]) as other:
            other.ask(native_frame("SN-2", 1))
            for _ in range(3):
                number = self.add("SN-2", "--text", "quick")
                other.receive()
                other.send(native_frame("SN-2", number, flags=ANSWER, epoch=0, time_ms=0, payload=b"\0"))
                self.wait_for_state(number, "delivered")
        self.assertEqual((self.row(silent)["state"], self.row(behind)["state"]), ("sent", "queued"))
        self.assertFalse(self.device.has_mail())

    def test_what_is_not_answered_is_sent_again_byte_by_byte_and_then_has_failed(self):
        self.let_it_be_heard()
        number = self.add("SN-1", "--text", "hello", "--max-attempts", "2")
        first = self.device.receive()
        self.wait_for_state(number, "sent")
        self.let_the_wait_end(number)
        self.assertEqual(self.device.receive(), first)
        eventually(lambda: self.row(number)["attempts"] == 2 and self.row(number)["state"] == "sent", "it is marked")
        self.let_the_wait_end(number)
        row = self.wait_for_state(number, "failed")
        self.assertEqual(row["last_error"], "no answer")
        self.answer("SN-1", number, 0)  # the device knows better
        self.wait_for_state(number, "delivered")

    def let_the_wait_end(self, number):
        self.sql("UPDATE downlink SET retry_at = NOW(6) WHERE id = %s", number)

    def test_a_command_is_sent_once_unless_it_may_arrive_twice(self):
        with Device(self.hilerad.ports["trackers"]) as tracker:
            tracker.ask(CODEC_8)
            once = self.add("352093086403655", "--text", "setdigout 1")
            tracker.receive()
            self.wait_for_state(once, "sent")
            self.let_the_wait_end(once)
            self.assertEqual(self.wait_for_state(once, "failed")["attempts"], 1)
            often = self.add("352093086403655", "--text", "getinfo", "--idempotent")
            self.assertEqual(tracker.receive(), GETINFO)
            self.wait_for_state(often, "sent")
            self.let_the_wait_end(often)
            self.assertEqual(tracker.receive(), GETINFO)
            shown = json.loads(self.ctl("--json", "downlink", "show", often))["downlink"]
            self.assertEqual((shown["payload"], shown["idempotent"]), (b"getinfo".hex(), True))
            self.assertIn("getinfo".encode().hex(), self.ctl("downlink", "show", often))
        self.ctl("downlink", "show", 999999, status=1)

    def test_one_for_a_device_that_was_never_heard_waits_for_it(self):
        number = self.add("SN-2", "--text", "late")
        other = self.add("SN-1", "--text", "now")
        self.let_it_be_heard()
        self.device.receive()
        self.wait_for_state(other, "sent")  # so the queue was looked at
        row = self.row(number)
        self.assertEqual((row["state"], row["attempts"]), ("queued", 0))
        self.let_it_be_heard("SN-2")
        self.assertEqual(self.device.receive(), native_downlink("SN-2", number, blob(b"late")))

    def test_one_that_nobody_fetched_in_time_expires(self):
        number = self.add("SN-2", "--text", "too late", "--expires-in", "1s")
        row = self.wait_for_state(number, "expired")
        self.assertEqual(row["attempts"], 0)
        self.let_it_be_heard("SN-2")
        self.add("SN-2", "--text", "in time")
        self.assertIn(b"in time", self.device.receive())

    def test_one_that_is_not_yet_due_waits(self):
        self.let_it_be_heard()
        number = self.add("SN-1", "--text", "tomorrow", "--after", "1d")
        today = self.add("SN-1", "--text", "today")
        self.assertIn(b"today", self.device.receive())
        self.answer("SN-1", today, 0)
        self.assertEqual(self.row(number)["state"], "queued")
        self.sql("UPDATE downlink SET not_before = NOW(6) WHERE id = %s", number)
        self.assertIn(b"tomorrow", self.device.receive())

    def test_one_that_is_cancelled_is_not_sent(self):
        number = self.add("SN-1", "--text", "never")
        self.assertIn("Cancelled", self.ctl("downlink", "cancel", number))
        self.assertEqual(self.row(number)["state"], "cancelled")
        self.let_it_be_heard()
        self.add("SN-1", "--text", "instead")
        self.assertIn(b"instead", self.device.receive())
        self.assertFalse(self.device.has_mail())

    def test_what_was_sent_cannot_be_cancelled(self):
        self.let_it_be_heard()
        number = self.add("SN-1", "--text", "gone")
        self.device.receive()
        self.wait_for_state(number, "sent")
        self.ctl("downlink", "cancel", number, status=1)
        self.assertEqual(self.row(number)["state"], "sent")

    def test_what_the_codec_cannot_carry_fails_and_says_why(self):
        self.let_it_be_heard()
        self.assertIn("codec native cannot carry 2000 bytes",
                      self.ctl("downlink", "add", "SN-1", "--hex", "00" * 2000, status=1))
        # As an operator's own program inserts it.
        self.sql("INSERT INTO downlink (nserie, payload) VALUES ('SN-1', REPEAT('x', 2000))")
        number = self.sql("SELECT MAX(id) AS id FROM downlink")[0]["id"]
        row = self.wait_for_state(number, "failed")
        self.assertIn("cannot carry", row["last_error"])
        self.assertEqual(row["attempts"], 1)

    def test_what_no_codec_could_carry_is_refused_for_a_device_that_nobody_has_heard(self):
        refusal = self.ctl("downlink", "add", "SN-9", "--hex", "00" * 2000, status=1)
        self.assertIn("codec native cannot carry", refusal)
        self.assertIn("codec teltonika has no such serial", refusal)
        self.assertEqual(self.count("downlink"), 0)

    def test_what_is_no_downlink_is_refused(self):
        for arguments in (["", "--text", "x"], ["SN 1", "--text", "x"], ["SN-1", "--hex", "abc"],
                          ["SN-1", "--hex", "zz"]):
            with self.subTest(arguments):
                self.assertTrue(self.ctl("downlink", "add", *arguments, status=1))
        self.ctl("downlink", "add", "SN-1", status=64)
        self.ctl("downlink", "add", "SN-1", "--text", "x", "--expires-in", "soon", status=64)
        self.assertEqual(self.count("downlink"), 0)

    def test_the_list_is_filtered_newest_first(self):
        numbers = [self.add("SN-9", "--text", str(i)) for i in range(3)]
        self.ctl("downlink", "cancel", numbers[1])
        self.assertEqual([each["id"] for each in self.listed("--nserie", "SN-9")], numbers[::-1])
        self.assertEqual([each["id"] for each in self.listed("--state", "cancelled")], [numbers[1]])
        self.assertEqual([each["id"] for each in self.listed("--limit", "1")], [numbers[2]])
        self.assertEqual(self.listed("--nserie", "nobody"), [])
        self.assertEqual(self.ctl("downlink", "list", "--nserie", "nobody"), "There is none.\n")

    def test_a_second_signal_does_not_wait_for_a_mark(self):
        self.sql("CREATE TRIGGER slow BEFORE UPDATE ON downlink FOR EACH ROW "
                 "SET @slept = IF(NEW.state = 'sent', SLEEP(600), 0)")
        self.addCleanup(self.sql, "DROP TRIGGER slow")
        self.let_it_be_heard()
        self.add("SN-1", "--hex", "c0ffee")
        self.device.receive()
        marking = "SELECT id FROM information_schema.processlist WHERE state = 'User sleep'"
        session = eventually(lambda: self.sql(marking), "the row is being marked")[0]["id"]
        self.addCleanup(self.sql, "KILL %s", session)
        self.hilerad.child.send_signal(signal.SIGTERM)
        self.hilerad.notifications.wait_for("STOPPING=1", self.hilerad)
        self.hilerad.child.send_signal(signal.SIGTERM)
        self.assertEqual(self.hilerad.wait(10.0), 0, self.hilerad.log_tail())


if __name__ == "__main__":
    unittest.main()
