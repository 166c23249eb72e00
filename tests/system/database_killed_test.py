"""A database that is killed and comes back, ten times under load: nothing that was acknowledged is missing, nothing is
there twice, and the order holds. Prints the counts as one line of JSON."""

import json
import random
import unittest

from support import SystemTest, eventually

KILLS = 10
DEVICES = 100

# What a device made once is there twice: another key, the same content (epoch and sequence are part of it).
STORED_TWICE = """
SELECT COUNT(*) AS n FROM (SELECT 1 FROM frame GROUP BY nserie, codec, fields HAVING COUNT(*) > 1) AS twice"""

# A device of the simulator makes a frame when the one before is acknowledged, so its rows must count upwards.
SEQUENCE_VIOLATIONS = """
SELECT COUNT(*) AS n FROM (
  SELECT sequence, LAG(sequence) OVER (PARTITION BY nserie ORDER BY commit_seq) AS previous
  FROM (SELECT nserie, commit_seq, CAST(JSON_VALUE(fields, '$.sequence') AS UNSIGNED) AS sequence FROM frame) AS s
) AS pairs WHERE sequence <= previous"""


class DatabaseKilled(SystemTest):
    def test_ten_kills_under_load_lose_nothing_double_nothing_and_turn_nothing_round(self):
        database = self.start_database()
        hilerad = self.start_hilerad()
        moments = random.Random(KILLS)
        simulator = self.trial.start_simulator(hilerad.port, devices=DEVICES, rate=0, seconds=600, wait_acks=60)

        def stored():
            return hilerad.metrics()["records_stored_total"]

        for kill in range(KILLS):
            # In the middle of the work: a few hundred rows after the last restart, never at the same moment.
            enough = stored() + moments.randrange(300, 4000)
            eventually(lambda: stored() >= enough, f"rows are stored again after kill {kill}", 60)
            database.kill()
            self.assertTrue(simulator.running() and hilerad.running())
            database.start()
        enough = stored() + 500
        eventually(lambda: stored() >= enough, "rows are stored again after the last kill", 60)
        self.assertEqual(simulator.terminate(), 0, simulator.log_tail())
        ledger = self.assert_ends_well(hilerad)

        summary = simulator.summary()
        result = {"acked": summary["acked"], "lost": self.trial.lost_acked(simulator),
                  "duplicated": self.sql(STORED_TWICE)[0]["n"], "order_violations": self.order_violations(),
                  "sequence_violations": self.sql(SEQUENCE_VIOLATIONS)[0]["n"], "kills": KILLS,
                  "sent": summary["sent"], "resent": summary["resent"], "rows": self.count("frame")}
        print(json.dumps(result), flush=True)
        self.assertEqual((result["lost"], result["duplicated"]), (0, 0))
        self.assertEqual((result["order_violations"], result["sequence_violations"]), (0, 0))
        self.assertGreaterEqual(summary["acked"], KILLS * 300)
        self.assertEqual(summary["acked"], result["rows"])
        self.assertEqual(self.count("dead_letter"), 0)
        # Stored but never told so, when the answer to a commit was lost: then it is called a duplicate. The row is there.
        self.assertLessEqual(ledger["store"]["stored"], result["rows"])
        self.assertGreaterEqual(ledger["store"]["stored"] + ledger["store"]["duplicate"], result["rows"])
        self.assertEqual(len(hilerad.events("greenlet_failed")), 0)


if __name__ == "__main__":
    unittest.main()
