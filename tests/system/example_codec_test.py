"""The codec of docs/adding-a-codec.md works: reports of meters become rows and are answered, and nothing else is."""

import datetime
import os
import pathlib
import re
import struct
import subprocess
import unittest

from devices import Device, fields_of
from support import BINARIES, PATIENCE, ROOT, SystemTest, eventually, trial

NOON = 1700000000  # seconds since 1970


def report(serial="00004711", number=7, seconds=NOON, litres=123456, battery=3600):
    return b"WM" + serial.encode("ascii") + struct.pack(">HIIH", number, seconds, litres, battery)


def answer(serial="00004711", number=7):
    return b"WA" + serial.encode("ascii") + struct.pack(">H", number)


class Meter(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()
        programs = cls.folder / "bin"
        programs.mkdir()
        os.symlink(pathlib.Path(BINARIES).absolute() / "hilerad_with_meter", programs / "hilerad")
        cls.hilerad = cls.trial.own(trial.Hilerad(cls.folder, programs, cls.trial.config(codec="meter")))
        cls.daemons.append(cls.hilerad)

    def setUp(self):
        self.device = self.enterContext(Device(self.hilerad.port))

    def rejected(self, reason):
        return self.hilerad.by_label("datagrams_rejected_total", "reason").get(reason, 0)

    def test_a_report_is_a_row(self):
        self.assertEqual(self.device.ask(report()), answer())
        row, = eventually(lambda: self.sql("SELECT * FROM frame WHERE nserie = '00004711'"), "it is stored")
        self.assertEqual(fields_of(row), {"report": 7, "litres": 123456, "battery_mv": 3600})
        self.assertEqual((row["codec"], row["auth_level"]), ("meter", 0))
        self.assertEqual(row["device_time"], datetime.datetime.fromtimestamp(NOON, datetime.UTC).replace(tzinfo=None))

    def test_a_report_that_comes_again_is_answered_and_stored_once(self):
        for _ in range(3):
            self.assertEqual(self.device.ask(report("00000002")), answer("00000002"))
        self.assertEqual(self.device.ask(report("00000002", 8)), answer("00000002", 8))
        eventually(lambda: self.count("frame", "nserie = '00000002'") == 2, "both are stored")

    def test_a_meter_without_a_clock(self):
        self.assertEqual(self.device.ask(report("00000003", seconds=0)), answer("00000003"))
        row, = eventually(lambda: self.sql("SELECT * FROM frame WHERE nserie = '00000003'"), "it is stored")
        self.assertIsNone(row["device_time"])

    def test_what_is_no_report_is_counted_and_not_answered(self):
        good = report("00000004")
        wrong = [(good[:size], "wrong_size") for size in range(len(good))]
        wrong += [(good + b"\0", "wrong_size"), (b"WN" + good[2:], "bad_magic"),
                  (report("0000000x"), "serial_digits"), (answer("00000004").ljust(22, b"\0"), "bad_magic")]
        before = {reason: self.rejected(reason) for reason in ("wrong_size", "bad_magic", "serial_digits")}
        for datagram, _ in wrong:
            self.device.send(datagram)
        # It is answered behind all of them, so they have had their turn.
        self.assertEqual(self.device.ask(report("00000005")), answer("00000005"))
        for reason, count in before.items():
            expected = sum(each == reason for _, each in wrong)
            self.assertEqual(self.rejected(reason) - count, expected, reason)
        self.assertFalse(self.device.has_mail())
        self.assertEqual(self.count("frame", "nserie = '00000004'"), 0)

    def test_the_document_shows_what_decode_prints(self):
        document = (ROOT / "docs/adding-a-codec.md").read_text("utf-8")
        reports, printed = re.findall(r"(?ms)^```text\n(.*?)^```$", document)
        done = subprocess.run([self.folder / "bin/hilerad", "--decode", "-", "--codec", "meter"], input=reports,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                              timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stdout), (1, printed))

    def test_the_other_codecs_are_still_there(self):
        for codec in ("collectd", "native", "semtech", "teltonika"):
            config = self.trial.config(codec=codec, journal={"directory": f"{self.folder}/journal-{codec}"},
                                       control={"socket": f"{self.folder}/control-{codec}"})
            self.trial.own(trial.Hilerad(self.folder, self.folder / "bin", config, name=codec)).terminate()


if __name__ == "__main__":
    unittest.main()
