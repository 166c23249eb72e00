"""SIGTERM under load, with the database up, stopped or gone: the daemon ends in time and in order, says what is left,
and the next one stores it."""

import time
import unittest

from faults import FaultTest
from support import eventually, freeze, thaw

MARGIN = 10.0  # seconds, for a machine that is busy


class DrainUnderLoad(FaultTest):
    WINDOW = 4
    DRAIN = 3.0

    def setUp(self):
        self.begin(self._testMethodName)
        self.hilerad = self.start()
        self.start_fleet(rate=5000)
        eventually(lambda: self.hilerad.metrics()["records_stored_total"] > 1000, "the load is there")

    def end_in_time(self):
        """Returns the ledger of the daemon that was told to end."""
        began = time.monotonic()
        self.assertEqual(self.hilerad.terminate(), 0, self.hilerad.log_tail())
        self.assertLess(time.monotonic() - began, self.DRAIN + MARGIN)
        ledger = self.hilerad.last_ledger()
        self.assert_balanced(ledger)
        self.assertEqual(ledger["intake"]["in_flight"], 0)
        return ledger

    def assert_next_one_goes_on(self, ledger):
        self.hilerad = self.start()
        eventually(lambda: self.hilerad.metrics()["records_stored_total"] > 1000, "frames are stored again")
        _, last = self.check(self.hilerad)
        # The journal remembers one position for all shards: what some of them have stored behind it is found again.
        self.assertGreaterEqual(last["store"]["found_at_start"], ledger["store"]["pending"])

    def pile_up(self):
        """Without the database frames are acknowledged all the same."""
        enough = self.hilerad.metrics()["acks_sent_total"] + 5000
        eventually(lambda: self.hilerad.metrics()["acks_sent_total"] >= enough, "frames are acknowledged")

    def test_with_the_database_everything_is_stored(self):
        ledger = self.end_in_time()
        self.assertEqual(ledger["store"]["pending"], 0)
        self.assert_next_one_goes_on(ledger)

    def test_with_a_database_that_does_not_answer(self):
        database = self.trial.database
        freeze(database.pid)
        try:
            self.pile_up()
            ledger = self.end_in_time()
        finally:
            thaw(database.pid)
        self.assertGreater(ledger["store"]["pending"], 5000)
        self.assert_next_one_goes_on(ledger)

    def test_without_a_database(self):
        self.close_sql()
        self.trial.database.kill()
        try:
            self.pile_up()
            ledger = self.end_in_time()
        finally:
            self.trial.database.start()
        self.assertGreater(ledger["store"]["pending"], 5000)
        self.assert_next_one_goes_on(ledger)


if __name__ == "__main__":
    unittest.main()
