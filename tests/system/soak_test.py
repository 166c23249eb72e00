"""A short soak: the daemon, the database and both are killed a few times under load. tools/soak does it for hours."""

import json
import subprocess
import unittest

from support import BINARIES, ROOT

ROUNDS = 3  # of each kind
TIMEOUT = 240  # seconds


class Soak(unittest.TestCase):
    def test_nothing_acknowledged_is_lost_or_doubled_and_nothing_overtakes(self):
        done = subprocess.run([ROOT / "tools" / "soak", "--rounds", str(ROUNDS), "--json", "--bin", BINARIES],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False, timeout=TIMEOUT)
        self.assertEqual(done.returncode, 0, done.stdout)
        result = json.loads(done.stdout)
        self.assertEqual(set(result), {"episodes", "acked", "lost", "duplicated", "order_violations"})
        self.assertEqual(result["episodes"], 3 * ROUNDS)
        self.assertGreater(result["acked"], 1000)
        self.assertEqual((result["lost"], result["duplicated"], result["order_violations"]), (0, 0, 0))


if __name__ == "__main__":
    unittest.main()
