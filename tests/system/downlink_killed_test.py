"""hilerad is killed at every step of a downlink's life, and two collectors share one queue: no row is stuck, none is
`delivered` before its device says so, and what may not arrive twice is not sent twice."""

import json
import struct
import unittest

from devices import CODEC_8, Device, native_frame
from faults import Injection
from support import SystemTest, eventually, hileractl

ANSWER = 0x08
TRACKER = "352093086403655"


class DownlinkKilled(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def setUp(self):
        self.sql("DELETE FROM downlink")
        self.sql("DELETE FROM device")

    def start(self, name="trial", **options):
        return self.start_hilerad(
            name=name, collector=name, transmit={"poll_interval": "20ms"},
            journal={"directory": str(self.folder / f"journal-{name}")},
            control={"socket": str(self.folder / f"control-{name}")},
            listeners=[{"name": "native", "codec": "native", "address": "127.0.0.1", "port": 0},
                       {"name": "trackers", "codec": "teltonika", "address": "127.0.0.1", "port": 0}], **options)

    def add(self, hilerad, serial="SN-1", text="hello"):
        return json.loads(hileractl("--control", hilerad.control, "--json", "downlink", "add", serial, "--text",
                                    text))["id"]

    def row(self, number):
        row, = self.sql("SELECT * FROM downlink WHERE id = %s", number)
        return row

    def wait_for_state(self, number, state):
        eventually(lambda: self.row(number)["state"] == state, f"downlink {number} is {state}: {self.row(number)}")
        return self.row(number)

    def device(self, hilerad, sequence=1):
        """SN-1, which was just heard."""
        device = self.enterContext(Device(hilerad.ports["native"]))
        device.ask(native_frame("SN-1", sequence))
        return device

    def answer(self, device, number):
        device.send(native_frame("SN-1", number, flags=ANSWER, epoch=0, time_ms=0, payload=b"\0"))

    def hang_where(self, condition):
        """From now on the server does not come to an end with updates for which this holds."""
        self.sql(f"CREATE TRIGGER hang BEFORE UPDATE ON downlink FOR EACH ROW "
                 f"SET @slept = IF({condition}, SLEEP(600), 0)")
        self.addCleanup(self.sql, "DROP TRIGGER IF EXISTS hang")

    def kill_while_it_hangs(self, hilerad):
        sleeping = "SELECT id FROM information_schema.processlist WHERE state = 'User sleep'"
        session = eventually(lambda: self.sql(sleeping), "an update hangs")[0]["id"]
        hilerad.kill()
        self.sql("KILL %s", session)
        self.sql("DROP TRIGGER hang")

    def end_lease(self, number):
        self.sql("UPDATE downlink SET lease_until = NOW(6) WHERE id = %s", number)

    def end_wait(self, number):
        self.sql("UPDATE downlink SET retry_at = NOW(6) WHERE id = %s", number)

    def assert_delivered_by_the_next(self, number, attempts, sequence=2):
        """Heard again, the device gets it and answers. Returns what it got."""
        hilerad = self.start()
        device = self.device(hilerad, sequence)
        got = device.receive()
        self.assertNotEqual(self.row(number)["state"], "delivered")
        self.answer(device, number)
        self.assertEqual(self.wait_for_state(number, "delivered")["attempts"], attempts)
        self.assertFalse(device.has_mail())
        self.assert_ends_well(hilerad)
        return got

    def test_before_the_attempt_is_committed(self):
        hilerad = self.start()
        self.hang_where("NEW.attempts > OLD.attempts")
        device = self.device(hilerad)
        number = self.add(hilerad)
        self.kill_while_it_hangs(hilerad)
        self.assertFalse(device.has_mail())
        row = self.row(number)
        self.assertEqual((row["state"], row["attempts"], row["lease_owner"]), ("queued", 0, None))
        self.assert_delivered_by_the_next(number, attempts=1)

    def test_between_the_attempt_and_the_send(self):
        # The first call answers the device.
        kill = Injection(self.folder / "strace-send", "sendmmsg", "signal=KILL:when=2")
        hilerad = self.start(command=kill.command)
        device = self.device(hilerad)
        self.sql("INSERT INTO downlink (nserie, payload) VALUES ('SN-1', 'hello')")
        kill.wait_until_it_has_killed()
        hilerad.kill()
        self.assertFalse(device.has_mail())
        row, = self.sql("SELECT * FROM downlink")
        self.assertEqual((row["state"], row["attempts"], row["lease_owner"]), ("queued", 1, "trial"))
        self.end_lease(row["id"])
        self.assert_delivered_by_the_next(row["id"], attempts=2)

    def test_between_the_send_and_the_mark(self):
        hilerad = self.start()
        self.hang_where("NEW.state = 'sent'")
        device = self.device(hilerad)
        number = self.add(hilerad)
        first = device.receive()
        self.kill_while_it_hangs(hilerad)
        row = self.row(number)
        self.assertEqual((row["state"], row["attempts"], row["lease_owner"]), ("queued", 1, "trial"))
        self.end_lease(number)
        self.assertEqual(self.assert_delivered_by_the_next(number, attempts=2), first)

    def test_an_answer_that_comes_after_it_counts(self):
        hilerad = self.start()
        self.hang_where("NEW.state = 'sent'")
        device = self.device(hilerad)
        number = self.add(hilerad)
        device.receive()
        self.kill_while_it_hangs(hilerad)
        hilerad = self.start()
        self.answer(self.device(hilerad, 2), number)
        row = self.wait_for_state(number, "delivered")
        self.assertEqual((row["attempts"], row["lease_owner"]), (1, None))
        self.assert_ends_well(hilerad)

    def test_while_the_answer_is_waited_for(self):
        hilerad = self.start()
        device = self.device(hilerad)
        number = self.add(hilerad)
        first = device.receive()
        self.wait_for_state(number, "sent")
        hilerad.kill()
        self.end_wait(number)
        self.assertEqual(self.assert_delivered_by_the_next(number, attempts=2), first)

    def test_while_the_answer_is_written(self):
        hilerad = self.start()
        device = self.device(hilerad)
        number = self.add(hilerad)
        first = device.receive()
        self.wait_for_state(number, "sent")
        self.hang_where("NEW.state = 'delivered'")
        self.answer(device, number)
        self.kill_while_it_hangs(hilerad)
        self.assertEqual(self.row(number)["state"], "sent")
        self.end_wait(number)
        self.assertEqual(self.assert_delivered_by_the_next(number, attempts=2), first)

    def test_a_command_that_may_not_arrive_twice_is_not_sent_twice(self):
        hilerad = self.start()
        self.hang_where("NEW.state = 'sent'")
        with Device(hilerad.ports["trackers"]) as tracker:
            tracker.ask(CODEC_8)
            number = self.add(hilerad, TRACKER, "setdigout 1")
            tracker.receive()
            self.kill_while_it_hangs(hilerad)
        self.end_lease(number)
        hilerad = self.start()
        with Device(hilerad.ports["trackers"]) as tracker:
            tracker.ask(CODEC_8)
            row = self.wait_for_state(number, "failed")
            self.assertEqual((row["attempts"], row["last_error"]), (1, "the outcome of the last attempt is unknown"))
            self.assertFalse(tracker.has_mail())
        self.assert_ends_well(hilerad)

    def test_of_two_collectors_one_sends_each_row(self):
        both = [self.start("first"), self.start("second")]
        heard = [self.device(hilerad, sequence) for sequence, hilerad in enumerate(both, 1)]
        numbers = [self.add(both[0], text=str(i)) for i in range(20)]
        for number in numbers:
            self.wait_for_state(number, "sent")
            got = [device for device in heard if device.has_mail()]
            self.assertEqual(len(got), 1)
            self.assertIn(struct.pack(">Q", number), got[0].receive())
            self.answer(got[0], number)
            self.assertEqual(self.wait_for_state(number, "delivered")["attempts"], 1)
        self.assertEqual(sum(int(each.by_label("downlink_total", "state").get("sent", 0)) for each in both), 20)
        self.assertFalse(any(device.has_mail() for device in heard))
        for hilerad in both:
            self.assert_ends_well(hilerad)

    def test_another_collector_takes_over_what_a_dead_one_had_sent(self):
        first, second = self.start("first"), self.start("second")
        device = self.device(first)
        number = self.add(first)
        got = device.receive()
        self.wait_for_state(number, "sent")
        first.kill()
        elsewhere = self.device(second, 2)
        self.end_wait(number)
        self.assertEqual(elsewhere.receive(), got)
        self.answer(elsewhere, number)
        self.wait_for_state(number, "delivered")
        self.assert_ends_well(second)


if __name__ == "__main__":
    unittest.main()
