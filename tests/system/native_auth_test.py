"""Native frames with a tag, written by hand after the description: proved, answered, refused, and never stored twice,
whatever is sent again, over restarts and after rows were purged."""

import hashlib
import json
import os
import struct
import unittest

import devices
from devices import DUPLICATE, STORED, Device
from support import SystemTest, eventually, hileractl

TAGGED = 0x20
KEY = bytes(range(32))
MASTER = bytes(range(32, 64))


def derived(serial):
    return hashlib.blake2b(serial.encode("ascii"), digest_size=32, key=MASTER, person=b"hilera-device-01").digest()


def tag(datagram, key):
    return hashlib.blake2b(datagram, digest_size=16, key=key).digest()


def proved(serial, sequence, *, key, key_id, epoch=7, **more):
    frame = bytearray(devices.native_frame(serial, sequence, epoch=epoch, flags=devices.WANTED | TAGGED, **more))
    frame[4] = key_id
    return bytes(frame) + tag(bytes(frame), key)


def proved_answer(serial, sequence, status, *, key, key_id, epoch=7):
    head = b"NF" + bytes([1, 0x0A | TAGGED, key_id, len(serial)]) + serial.encode("ascii")
    answer = head + struct.pack(">IIQHB", epoch, sequence, 0, 1, status)
    return answer + tag(answer, key)


class NativeAuth(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()
        cls.keys = cls.folder / "device-keys"
        cls.keys.write_text(f"# two of them\nSN-0001 1 {KEY.hex()}\n* 2 {MASTER.hex()}\n", encoding="ascii")
        os.chmod(cls.keys, 0o600)

    def setUp(self):
        for table in ("frame", "dead_letter", "device"):
            self.sql(f"DELETE FROM {table}")
        self.start()

    def start(self, auth="required", **listener):
        journal = self.folder / self._testMethodName  # so that nothing of another test is put back
        self.hilerad = self.start_hilerad(journal={"directory": str(journal)}, listeners=[{"name": "field", "codec": "native", "address": "127.0.0.1",
                                                      "port": 0, "auth": auth, "keys_file": str(self.keys), **listener}])
        self.device = self.enterContext(Device(self.hilerad.port))

    def restart(self, **listener):
        ledger = self.assert_ends_well(self.hilerad)
        self.start(**listener)
        return ledger

    def refused(self, reason):
        def count():
            return self.hilerad.by_label("datagrams_rejected_total", "reason").get(reason, 0)
        return eventually(count, f"something is refused as {reason}")

    def wait_until_stored(self):
        eventually(lambda: self.hilerad.metrics()["records_pending"] == 0, "all of it is stored")

    def test_a_frame_with_the_right_tag_is_stored_and_answered_with_one(self):
        for serial, key, key_id in (("SN-0001", KEY, 1), ("SN-0001", derived("SN-0001"), 2), ("x", derived("x"), 2)):
            frame = proved(serial, 40 + key_id, key=key, key_id=key_id)
            self.assertEqual(self.device.ask(frame),
                             proved_answer(serial, 40 + key_id, STORED, key=key, key_id=key_id))
        self.wait_until_stored()
        rows = self.sql("SELECT * FROM frame ORDER BY arrival")
        self.assertEqual([(row["nserie"], row["frame_id"], row["auth_level"]) for row in rows],
                         [("SN-0001", 7 << 32 | 41, 2), ("SN-0001", 7 << 32 | 42, 2), ("x", 7 << 32 | 42, 2)])

    def test_what_is_not_proved_is_refused_without_an_answer(self):
        self.device.send(proved("SN-0001", 1, key=MASTER, key_id=1))
        self.assertEqual(self.refused("bad_tag"), 1)
        self.device.send(proved("SN-0001", 1, key=KEY, key_id=3))
        self.assertEqual(self.refused("unknown_key"), 1)
        self.device.send(devices.native_frame("SN-0001", 1))
        self.assertEqual(self.refused("unauthenticated"), 1)
        self.assertFalse(self.device.has_mail())
        self.assertEqual(self.count("frame"), 0)

    def test_keys_are_taken_up_and_taken_away_by_a_reload(self):
        keys = self.folder / "changing-keys"
        old, new = {"key": KEY, "key_id": 1}, {"key": MASTER, "key_id": 3}
        old_line, new_line = f"SN-0001 1 {KEY.hex()}\n", f"SN-0001 3 {MASTER.hex()}\n"

        def put(text):
            keys.write_text(text, encoding="ascii")
            os.chmod(keys, 0o600)

        def reload(status=0):
            return hileractl("--control", self.hilerad.control, "reload", status=status)

        def assert_taken(sequence, key):
            self.assertEqual(self.device.ask(proved("SN-0001", sequence, **key)),
                             proved_answer("SN-0001", sequence, STORED, **key))

        put(old_line)
        self.restart(keys_file=str(keys))
        assert_taken(1, old)
        self.device.send(proved("SN-0001", 2, **new))
        self.assertEqual(self.refused("unknown_key"), 1)
        put(old_line + new_line)
        reload()
        assert_taken(3, new)
        assert_taken(4, old)
        put(new_line)
        reload()
        self.device.send(proved("SN-0001", 5, **old))
        eventually(lambda: self.refused("unknown_key") == 2, "the old key is refused")
        put("SN-0001 3 nonsense\n")
        self.assertIn("changing-keys", reload(status=1))
        assert_taken(6, new)

    def test_traffic_that_was_overheard_is_stored_once_whatever_is_done_with_it(self):
        overheard = [proved("SN-0001", sequence, key=KEY, key_id=1) for sequence in range(1, 1501)]
        for sequence, frame in enumerate(overheard, 1):
            self.assertEqual(self.device.ask(frame),
                             proved_answer("SN-0001", sequence, STORED, key=KEY, key_id=1))
        self.wait_until_stored()

        self.replay(overheard)
        self.assertEqual(self.count("frame"), 1500)

        self.restart()
        self.replay(overheard)
        self.assertEqual(self.count("frame"), 1500)

        self.sql("DELETE FROM frame")
        self.restart()
        self.replay(overheard)
        self.assertEqual(self.count("frame"), 0)
        self.assertEqual(self.device.ask(proved("SN-0001", 1501, key=KEY, key_id=1)),
                         proved_answer("SN-0001", 1501, STORED, key=KEY, key_id=1))
        self.wait_until_stored()
        self.assertEqual(self.count("frame"), 1)

    def replay(self, overheard):
        before = self.hilerad.metrics()["datagrams_received_total"]
        with Device(self.hilerad.port) as attacker:
            for number, frame in enumerate(overheard, 1):
                attacker.send(frame)
                if number % 50 == 0:  # no more than its limit lets in at once
                    eventually(lambda sent=number: self.hilerad.metrics()["datagrams_received_total"] == before + sent
                               and self.hilerad.metrics()["datagrams_in_flight"] == 0, "they are taken")
        self.wait_until_stored()

    def test_a_repetition_is_told_to_be_one(self):
        frame = proved("SN-0001", 5, key=KEY, key_id=1)
        self.device.ask(frame)
        self.assertEqual(self.device.ask(frame), proved_answer("SN-0001", 5, DUPLICATE, key=KEY, key_id=1))
        self.wait_until_stored()
        metrics = self.hilerad.metrics()
        self.assertEqual((metrics["records_accepted_total"], metrics["records_duplicate_total"]), (2, 1))

    def test_who_has_proved_itself_must_go_on_over_a_restart(self):
        self.restart(auth="optional")
        self.device.ask(devices.native_frame("SN-0001", 1))
        self.device.ask(proved("SN-0001", 2, key=KEY, key_id=1))
        self.device.send(devices.native_frame("SN-0001", 3))
        self.assertEqual(self.refused("downgrade"), 1)
        self.restart(auth="optional")
        self.device.ask(devices.native_frame("SN-0001", 4))
        self.wait_until_stored()
        letter, = self.sql("SELECT * FROM dead_letter")
        self.assertEqual((letter["reason"], letter["nserie"], letter["auth_level"]), ("downgrade", "SN-0001", 0))
        self.assertEqual(self.count("frame"), 2)

    def test_a_proved_record_that_was_refused_keeps_its_number_when_it_is_put_back(self):
        self.sql("CREATE TRIGGER refuse BEFORE INSERT ON frame FOR EACH ROW "
                 "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not now'")
        try:
            self.device.ask(proved("SN-0001", 9, key=KEY, key_id=1))
            self.wait_until_stored()
        finally:
            self.sql("DROP TRIGGER refuse")
        self.assertEqual(self.count("dead_letter"), 1)
        control = ("--control", self.hilerad.control)
        record, = hileractl(*control, "journal", "export").splitlines()
        self.assertEqual(json.loads(record)["frame_id"], 7 << 32 | 9)
        hileractl(*control, "dead-letter", "replay", "--all")
        row, = self.sql("SELECT * FROM frame")
        self.assertEqual((row["frame_id"], row["auth_level"], row["replayed"]), (7 << 32 | 9, 2, 1))

    def test_only_known_devices_may_send_where_that_is_asked(self):
        known = self.folder / "devices"
        known.write_text("# by hand\nlisted\n", encoding="ascii")
        self.restart(auth="optional", devices="known", devices_file=str(known))
        self.device.ask(devices.native_frame("listed", 1))
        self.device.send(devices.native_frame("stranger", 1))
        self.assertEqual(self.refused("unknown_device"), 1)

    def test_a_fleet_with_an_adversary_stores_each_frame_once(self):
        fleet = self.trial.start_simulator(self.hilerad.port, devices=100, rate=2000, seconds=4, wait_acks=60,
                                           keys_file=str(self.keys), key_id=2, replay=0.5, forge=0.2)
        self.assertEqual(fleet.wait(120), 0, fleet.log_tail())
        summary = fleet.summary()
        self.assertGreater(summary["replayed"], 1000)
        self.assertGreater(summary["forged"], 500)
        rejected = self.hilerad.by_label("datagrams_rejected_total", "reason")
        ledger = self.assert_ends_well(self.hilerad)
        self.assert_rows_match(ledger)
        self.assertEqual(self.count("frame"), summary["sent"])
        self.assertEqual(self.trial.lost_acked(fleet), 0)
        self.assertEqual(self.order_violations(), 0)
        self.assertEqual(sum(rejected.values()), ledger["intake"]["rejected"])
        self.assertGreater(rejected["bad_tag"], 0)

    def test_keys_are_made_and_derived_by_hileractl(self):
        name, number, key = hileractl("key", "derive", "--nserie", "x", "--keys-file", self.keys, "--id", 2).split()
        self.assertEqual((name, number, key), ("x", "2", derived("x").hex()))
        name, number, key = hileractl("key", "generate", "--nserie", "SN-0002", "--id", 9).split()
        self.assertEqual((name, number, len(bytes.fromhex(key))), ("SN-0002", "9", 32))
        self.assertEqual(hileractl("key", "generate").split()[:2], ["*", "0"])
        self.assertIn("has no key 7 of x",
                      hileractl("key", "derive", "--nserie", "x", "--keys-file", self.keys, "--id", 7, status=1))


if __name__ == "__main__":
    unittest.main()
