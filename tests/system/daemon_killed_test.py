"""hilerad is killed and started again, under load: what it had acknowledged is there, nothing is there twice, and the
order holds over the restarts."""

import random
import unittest

from support import SystemTest, eventually

KILLS = 6


class DaemonKilled(SystemTest):
    def test_kills_under_load_lose_nothing_and_turn_nothing_round(self):
        self.start_database()
        hilerad = self.start_hilerad()
        listener = {"name": "trial", "codec": "native", "address": "127.0.0.1", "port": hilerad.port}
        simulator = self.trial.start_simulator(hilerad.port, devices=100, window=4, rate=0, seconds=600, wait_acks=60)
        moments = random.Random(KILLS)
        for kill in range(KILLS):
            enough = moments.randrange(200, 1500)
            eventually(lambda: hilerad.metrics()["records_stored_total"] >= enough, f"rows are stored, kill {kill}", 60)
            hilerad.kill()
            hilerad = self.start_hilerad(listeners=[listener])
        eventually(lambda: hilerad.metrics()["records_stored_total"] > 200, "rows are stored after the last kill", 60)
        self.assertEqual(simulator.terminate(), 0, simulator.log_tail())
        self.assert_ends_well(hilerad)
        acked = simulator.summary()["acked"]
        self.assertGreater(acked, KILLS * 200)
        self.assertEqual(self.trial.lost_acked(simulator), 0)
        self.assertEqual(self.count("frame"), acked)
        self.assertEqual(self.count("dead_letter"), 0)
        self.assertEqual(self.order_violations(), 0)


if __name__ == "__main__":
    unittest.main()
