"""Without a database section Hilera runs on its journal alone, and hileractl gives what is in it."""

import json
import unittest

from devices import STORED, Device, native_answer, native_frame
from support import SystemTest, hileractl


class JournalAlone(SystemTest):
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
        self.assertIn("10 records wait", hileractl("--control", hilerad.control, "journal", "info"))
        self.assertIn("all is well", hileractl("--control", hilerad.control, "status"))
        self.assertEqual(hilerad.terminate(), 0, hilerad.log_tail())
        self.assert_balanced(hilerad.last_ledger())

        again = self.start_alone()
        self.assertEqual(self.export(again), before)
        message = hileractl("--control", again.control, "downlink", "list", status=1)
        self.assertIn("no database section", message)
        self.assertEqual(again.terminate(), 0, again.log_tail())


if __name__ == "__main__":
    unittest.main()
