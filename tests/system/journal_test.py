"""Without a database section Hilera runs on its journal alone, and hileractl gives what is in it."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from devices import STORED, Device, native_answer, native_frame
from support import BINARIES, PATIENCE, SystemTest, eventually, hileractl


def hilerad_folder(hilerad):
    return pathlib.Path(json.loads(hilerad.config.read_text(encoding="utf-8"))["journal"]["directory"])


def content_of(folder):
    """Every file below it, with its bytes."""
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


class JournalTest(SystemTest):
    def setUp(self):
        shutil.rmtree(self.folder / "alone", ignore_errors=True)

    def start_alone(self):
        return self.trial.start_hilerad({
            "collector": "alone",
            "listeners": [{"name": "native", "codec": "native", "address": "127.0.0.1", "port": 0}],
            "journal": {"directory": str(self.folder / "alone")},
            "http": {"address": "127.0.0.1", "port": 0},
            "control": {"socket": str(self.folder / "control")}})

    def export(self, hilerad, *options):
        lines = hileractl("--control", hilerad.control, "journal", "export", *options).splitlines()
        return [json.loads(line) for line in lines]


class JournalAlone(JournalTest):
    def test_every_record_that_was_acknowledged_can_be_read_also_after_a_restart(self):
        hilerad = self.start_alone()
        with Device(hilerad.port) as device:
            for sequence in range(1, 11):
                self.assertEqual(device.ask(native_frame("alone", sequence)), native_answer("alone", sequence, STORED))
        before = self.export(hilerad)
        self.assertEqual([record["place"] for record in before], list(range(1, 11)))
        self.assertEqual({(record["nserie"], record["listener"], record["codec"]) for record in before},
                         {("alone", "native", "native")})
        self.assertEqual([record["fields"]["sequence"] for record in before], list(range(1, 11)))
        self.assertEqual(self.export(hilerad, "--after", "7", "--limit", "2"), before[7:9])
        self.assertIn("\n10 records stay in it", hileractl("--control", hilerad.control, "journal", "info"))
        self.assertIn("all is well", hileractl("--control", hilerad.control, "status"))
        self.assertEqual(hilerad.terminate(), 0, hilerad.log_tail())
        self.assert_balanced(hilerad.last_ledger())

        again = self.start_alone()
        self.assertEqual(self.export(again), before)
        message = hileractl("--control", again.control, "downlink", "list", status=1)
        self.assertIn("no database section", message)
        self.assertEqual(again.terminate(), 0, again.log_tail())

    def test_the_folder_of_a_daemon_that_does_not_run_is_read_and_left_as_it_is(self):
        hilerad = self.start_alone()
        folder = hilerad_folder(hilerad)
        with Device(hilerad.port) as device:
            for sequence in range(1, 11):
                self.assertEqual(device.ask(native_frame("dead", sequence)), native_answer("dead", sequence, STORED))
        live = self.export(hilerad)
        self.assertIn("in use", hileractl("journal", "export", "--directory", folder, status=1))
        self.assertIn("in use", hileractl("journal", "info", "--directory", folder, status=1))
        hilerad.kill()
        before = content_of(folder)
        self.assertTrue(any(name.endswith("-wal") for name in before), "it had no time to tidy up")

        lines = hileractl("journal", "export", "--directory", folder).splitlines()
        self.assertEqual([json.loads(line) for line in lines], live)
        after = live[-4]["place"]
        lines = hileractl("journal", "export", "--directory", folder, "--after", after, "--limit", "2").splitlines()
        self.assertEqual([json.loads(line) for line in lines], live[-3:-1])
        self.assertIn(f"the last place of this journal is {live[-1]['place']}",
                      hileractl("journal", "export", "--directory", folder, "--after", "1000", status=1))
        with open("/dev/full", "wb") as full:
            done = subprocess.run([BINARIES / "hileractl", "journal", "export", "--directory", folder], stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (1, "hileractl: standard output cannot be written\n"))
        info = json.loads(hileractl("journal", "info", "--directory", folder, "--json"))["journal"]
        self.assertEqual((info["pending"], info["last_place"], info["damaged_segments"]),
                         (len(live), live[-1]["place"], 0))
        self.assertIn(f"{len(live)} records wait", hileractl("journal", "info", "--directory", folder))
        self.assertEqual(content_of(folder), before)

        with tempfile.TemporaryDirectory() as empty:
            self.assertIn("holds no journal", hileractl("journal", "export", "--directory", empty, status=1))
        again = self.start_alone()
        self.assertEqual(self.export(again), live)
        self.assertEqual(again.terminate(), 0, again.log_tail())

    def test_what_is_damaged_is_skipped_and_counted(self):
        hilerad = self.start_alone()
        with Device(hilerad.port) as device:
            for sequence in range(1, 201):
                device.ask(native_frame("worn", sequence))
        whole = self.export(hilerad)
        self.assertEqual(hilerad.terminate(), 0, hilerad.log_tail())
        folder = hilerad_folder(hilerad)
        segment, = folder.glob("segment-*.db")
        worn = bytearray(segment.read_bytes())
        middle = len(worn) // 2
        worn[middle:middle + 4096] = bytes(4096)
        segment.write_bytes(worn)
        before = content_of(folder)
        done = subprocess.run([BINARIES / "hileractl", "journal", "export", "--directory", folder], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=30)
        self.assertEqual(done.returncode, 1, done.stderr)
        records = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertTrue(all(record in whole for record in records))
        lost = len(whole) - len(records)
        self.assertGreater(lost, 0)
        self.assertIn(f"{lost} records could not be read", done.stderr)
        self.assertIn("1 files are damaged", done.stderr)
        self.assertEqual(content_of(folder), before)


class JournalThatGetsADatabase(JournalTest):
    def test_what_came_again_after_a_restart_has_one_key_and_goes_to_the_database_once(self):
        for _ in range(2):
            hilerad = self.start_alone()
            with Device(hilerad.port) as device:
                self.assertEqual(device.ask(native_frame("twice", 1)), native_answer("twice", 1, STORED))
            exported = self.export(hilerad)
            self.assertEqual(hilerad.terminate(), 0, hilerad.log_tail())
        self.assertEqual([record["place"] for record in exported], [1, 2])
        self.assertEqual({(record["nserie"], record["codec"], record["fields"]["sequence"]) for record in exported},
                         {("twice", "native", 1)})
        self.assertEqual(len({record["frame_id"] for record in exported}), 1)

        self.start_database()
        hilerad = self.start_hilerad(journal={"directory": str(self.folder / "alone")})
        eventually(lambda: hilerad.metrics()["records_pending"] == 0, "all of it is stored")
        self.assertEqual([(row["nserie"], row["frame_id"]) for row in self.sql("SELECT * FROM frame")],
                         [("twice", exported[0]["frame_id"])])
        self.assertEqual(self.assert_ends_well(hilerad)["store"]["duplicate"], 1)


if __name__ == "__main__":
    unittest.main()
