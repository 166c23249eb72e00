"""A cluster of three nodes, of which each is killed in turn, then two at once, then all, under load: nothing that was
acknowledged is lost, nothing is there twice, and the order holds. Prints the counts as lines of JSON."""

import json
import time
import unittest

from faults import FaultTest
from support import eventually

import galera  # tools/

PATIENCE = 90.0  # seconds until frames are stored again


@unittest.skipIf(galera.why_not(), galera.why_not())
class GaleraNodesKilled(FaultTest):
    WINDOW = 2

    @classmethod
    def setUpClass(cls):
        super(FaultTest, cls).setUpClass()
        cls.cluster = galera.Cluster(cls.folder / "cluster")
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
        result, _ = self.check(self.hilerad)
        rows = {node.sql("SET SESSION wsrep_sync_wait = 1; SELECT COUNT(*), COALESCE(SUM(CRC32(nserie) ^ arrival), 0) "
                         "FROM frame") for node in self.cluster.nodes}
        print(json.dumps({"killed": what, "seconds_until_stored": seconds, **result}), flush=True)
        self.assertEqual(len(rows), 1, "the nodes differ")

    def test_1_each_in_turn(self):
        seconds = []
        for number in range(3):
            self.cluster.kill(number)
            seconds.append(self.wait_for_rows())
            self.cluster.start_others()
            self.wait_for_rows()
        self.finish("each in turn", seconds)

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


if __name__ == "__main__":
    unittest.main()
