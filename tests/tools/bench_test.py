"""How tools/bench finds the highest rate, and what it calls a loss."""

import pathlib
import sys
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import bench_load  # noqa: E402
import trial  # noqa: E402

LOAD = bench_load.Load(seconds=10)


def machine(capacity):
    """In place of a run: everything is stored up to `capacity` frames per second, half of that beyond it."""
    def offer(_run, _load, rate):
        losses = [] if rate <= capacity else ["1 shed"]
        return bench_load.Outcome(rate, rate if not losses else capacity / 2, 1.0, None, None, losses)
    return mock.patch.object(bench_load, "offer", mock.Mock(side_effect=offer))


class TheHighestRate(unittest.TestCase):
    def find(self, capacity, first, precision=0.04):
        with machine(capacity) as offer:
            outcome = bench_load.highest(None, LOAD, first, precision, lambda _: None)
        self.runs = offer.call_count
        return outcome

    def test_is_found_from_below_and_from_above(self):
        for first in (1_000, 99_000, 100_000, 101_000, 400_000):
            with self.subTest(first=first):
                outcome = self.find(100_000, first)
                self.assertFalse(outcome.losses)
                self.assertLessEqual(outcome.offered, 100_000)
                self.assertGreater(outcome.offered * 1.04, 100_000)

    def test_takes_few_runs_when_the_guess_is_near(self):
        self.find(100_000, 90_000)
        self.assertLessEqual(self.runs, 6)

    def test_takes_few_runs_when_the_guess_is_far_too_high(self):
        self.find(5_000, 300_000)
        self.assertLessEqual(self.runs, 16)

    def test_does_not_exist_when_something_is_lost_at_every_rate(self):
        with self.assertRaisesRegex(trial.Failure, "1 shed"):
            self.find(10, 100_000)


class Losses(unittest.TestCase):
    SUMMARY = {"sent": 100, "records": 100, "unacked": 0}

    def test_there_are_none_when_every_frame_is_a_row(self):
        self.assertEqual(bench_load.losses_of(self.SUMMARY, {"records_stored_total": 100}, 100), [])

    def test_each_kind_is_named(self):
        metrics = {"kernel_drops_total": 1, "datagrams_dropped_total": 2, "datagrams_rejected_total": 3,
                   "records_dead_lettered_total": 4}
        self.assertEqual(bench_load.losses_of({**self.SUMMARY, "unacked": 5}, metrics, 94),
                         ["1 dropped by the kernel", "2 shed", "3 rejected", "4 dead letters", "5 not acknowledged",
                          "6 not stored"])


class WhatTheDevicesDo(unittest.TestCase):
    def test_without_acknowledgements_each_frame_is_sent_once(self):
        self.assertIs(LOAD.simulator_options(1000.4)["no_acks"], True)
        self.assertEqual(LOAD.simulator_options(1000.4)["rate"], "1000")

    def test_with_acknowledgements_the_window_stays_within_what_the_simulator_holds(self):
        for devices in (1, 1000, 100_000, 900_000):
            options = bench_load.Load(10, devices=devices, acks=True).simulator_options(1)
            self.assertNotIn("no_acks", options)
            self.assertTrue(1 <= options["window"] <= 1024 and devices * options["window"] <= 1_000_000)


class TheServer(unittest.TestCase):
    def test_syncs_every_commit_and_writes_no_binary_log(self):
        options = trial.mariadb_options(ROOT / "bench/my.cnf")
        self.assertIn("--innodb-flush-log-at-trx-commit=1", options)
        self.assertIn("--skip-log-bin", options)


if __name__ == "__main__":
    unittest.main()
