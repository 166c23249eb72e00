"""A database that is killed and comes back, ten times under load: nothing that was acknowledged is missing, nothing is
there twice, and the order holds. Prints the counts as one line of JSON."""

import json
import random
import unittest

from support import SystemTest, eventually

KILLS = 10
LONG_OUTAGE_EVERY = 3  # kills: then it stays away until frames that waited for it are given up

# What a device made once is there twice: under another key, with the same content.
STORED_TWICE = """
SELECT COUNT(*) AS n FROM (
  SELECT 1 FROM frame GROUP BY nserie, codec, device_time, fields HAVING COUNT(*) > 1) AS twice"""

# A native device here makes a frame when the one before is acknowledged, so its rows must count upwards.
SEQUENCE_VIOLATIONS = """
SELECT COUNT(*) AS n FROM (
  SELECT sequence, LAG(sequence) OVER (PARTITION BY nserie ORDER BY commit_seq) AS previous
  FROM (SELECT nserie, commit_seq, CAST(JSON_VALUE(fields, '$.sequence') AS UNSIGNED) AS sequence FROM frame
        WHERE codec = 'native') AS s
) AS pairs WHERE sequence <= previous"""


class DatabaseKilled(SystemTest):
    def test_ten_kills_under_load_lose_nothing_double_nothing_and_turn_nothing_round(self):
        database = self.start_database()
        hilerad = self.start_hilerad(listeners=[
            {"name": "native", "codec": "native", "address": "127.0.0.1", "port": 0},
            {"name": "trackers", "codec": "teltonika", "address": "127.0.0.1", "port": 0}])
        moments = random.Random(KILLS)
        # The trackers have several frames under way at once, which could overtake each other.
        fleets = [self.trial.start_simulator(hilerad.ports[listener], name=listener, codec=codec, rate=0, seconds=600,
                                             wait_acks=60, **options)
                  for listener, codec, options in (("native", "native", {"devices": 100}),
                                                   ("trackers", "teltonika", {"devices": 25, "window": 4}))]

        def stored():
            return hilerad.metrics()["records_stored_total"]

        def accepted():
            return hilerad.metrics()["records_accepted_total"]

        for kill in range(KILLS):
            # In the middle of the work: a few hundred rows after the last restart, never at the same moment.
            enough = stored() + moments.randrange(300, 4000)
            eventually(lambda: stored() >= enough, f"rows are stored again after kill {kill}", 60)
            database.kill()
            self.assertTrue(all(each.running() for each in (hilerad, *fleets)))
            if kill % LONG_OUTAGE_EVERY == 0:
                before = accepted()
                eventually(lambda: accepted() >= before + 2000, "frames are acknowledged without a database")
            database.start()
        enough = stored() + 500
        eventually(lambda: stored() >= enough, "rows are stored again after the last kill", 60)
        for fleet in fleets:
            self.assertEqual(fleet.terminate(), 0, fleet.log_tail())
        eventually(lambda: hilerad.metrics()["records_pending"] == 0, "everything is stored", 120)
        ledger = self.assert_ends_well(hilerad)

        acked = sum(fleet.summary()["acked"] for fleet in fleets)
        result = {"acked": acked, "lost": self.trial.lost_acked(*fleets),
                  "duplicated": self.sql(STORED_TWICE)[0]["n"], "order_violations": self.order_violations(),
                  "sequence_violations": self.sql(SEQUENCE_VIOLATIONS)[0]["n"], "kills": KILLS,
                  "resent": sum(fleet.summary()["resent"] for fleet in fleets), "rows": self.count("frame"),
                  "dropped": ledger["intake"]["dropped"]}
        print(json.dumps(result), flush=True)
        self.assertEqual((result["lost"], result["duplicated"]), (0, 0))
        self.assertEqual((result["order_violations"], result["sequence_violations"]), (0, 0))
        self.assertGreaterEqual(acked, KILLS * 200)
        # Every frame that was made is acknowledged in the end, and a frame of a tracker has one row or several.
        native = fleets[0].summary()
        self.assertEqual(native["acked"], self.count("frame", "codec = 'native'"))
        self.assertEqual(sum(1 for fleet in fleets for _ in fleet.acked()), result["rows"])
        self.assertEqual(self.count("dead_letter"), 0)
        # When the answer to a commit was lost, the row is there, and what is sent again is called a duplicate.
        self.assertLessEqual(ledger["store"]["stored"], result["rows"])
        self.assertGreaterEqual(ledger["store"]["stored"] + ledger["store"]["duplicate"], result["rows"])
        self.assertEqual(len(hilerad.events("greenlet_failed")), 0)


if __name__ == "__main__":
    unittest.main()
