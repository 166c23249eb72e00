"""A cluster of three nodes, of which each is killed in turn, then two at once, then all, then all together with hilerad,
under load: nothing that was acknowledged is lost, nothing is there twice, and the order holds. Once with nodes that sync
each commit, and once with nodes that do it once a second, as most clusters are set up, and so take commits into their
grave. Prints the counts as lines of JSON."""

import json
import time
import unittest

from faults import FaultTest
from support import eventually

import galera  # tools/

PATIENCE = 90.0  # seconds until frames are stored again


@unittest.skipIf(galera.why_not(), galera.why_not())
class NodesThatSyncEachCommit(FaultTest):
    SYNC = 1
    WINDOW = 2

    @classmethod
    def setUpClass(cls):
        super(FaultTest, cls).setUpClass()
        cls.cluster = galera.Cluster(cls.folder / "cluster",
                                     options=[f"--innodb-flush-log-at-trx-commit={cls.SYNC}"])
        cls.addClassCleanup(cls.cluster.end)
        cls.cluster.start()
        cls.trial.use_database(cls.cluster.nodes[0], client="127.0.0.1")
        cls.trial.make_tables()

    def setUp(self):
        self.begin(self._testMethodName)
        self.trial.database = next(node for node in self.cluster.nodes if node.running)
        self.database_options = {"socket": None, "hosts": self.cluster.hosts(), "connections": 4}
        self.hilerad = self.start()
        self.start_fleet(rate=2000)
        self.wait_for_rows()

    def wait_for_rows(self):
        """How long it takes until frames are stored, in seconds."""
        began = time.monotonic()
        enough = self.stored() + 1000
        eventually(lambda: self.stored() >= enough, "frames are stored", PATIENCE)
        return round(time.monotonic() - began, 1)

    def stored(self):
        return self.hilerad.metrics()["records_stored_total"]

    def finish(self, what, seconds):
        """All nodes run. Each has the same rows, and all that was acknowledged."""
        for node in self.cluster.nodes:
            node.wait_until_synced()
        eventually(lambda: self.hilerad.metrics()["shards_in_doubt"] == 0, "nothing is in doubt any more", PATIENCE)
        metrics = self.hilerad.metrics()
        counts = {name: metrics[f"{name}_total"] for name in ("records_confirmed", "records_restored", "db_failovers",
                                                             "db_losses")}
        result, _ = self.check(self.hilerad)
        rows = {node.sql("SET SESSION wsrep_sync_wait = 1; SELECT COUNT(*), COALESCE(SUM(CRC32(nserie) ^ arrival), 0) "
                         "FROM frame") for node in self.cluster.nodes}
        print(json.dumps({"sync": self.SYNC, "killed": what, "seconds_until_stored": seconds, **result, **counts}),
              flush=True)
        self.assertEqual(len(rows), 1, "the nodes differ")
        self.assertGreater(counts["records_confirmed"] + counts["records_restored"], 0, "nothing was looked for")
        return counts

    def test_1_each_in_turn(self):
        seconds = []
        for number in range(3):
            self.cluster.kill(number)
            seconds.append(self.wait_for_rows())
            self.cluster.start_others()
            self.wait_for_rows()
        counts = self.finish("each in turn", seconds)
        self.assertGreaterEqual(counts["db_failovers"], 1)

    def test_2_two_at_once(self):
        self.cluster.kill(0, 1)
        self.cluster.restore_quorum(2)
        seconds = [self.wait_for_rows()]
        self.cluster.start_others()
        self.wait_for_rows()
        self.finish("two at once", seconds)

    def test_3_all_at_once(self):
        self.cluster.kill(0, 1, 2)
        self.cluster.restart_all()
        self.finish("all at once", [self.wait_for_rows()])

    def test_4_all_at_once_and_hilerad_too(self):
        self.cluster.kill(0, 1, 2)
        self.hilerad.kill()
        self.cluster.restart_all()
        self.hilerad = self.start()
        self.finish("all at once and hilerad too", [self.wait_for_rows()])


class NodesThatSyncOnceASecond(NodesThatSyncEachCommit):
    SYNC = 0


if __name__ == "__main__":
    unittest.main()
