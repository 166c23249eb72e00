"""hilerad is killed in the middle of its n-th system call of a kind, under load, and starts again with what it left:
nothing that was acknowledged is lost, nothing is there twice, and the order holds.

Without an argument a few calls of each kind; with --all the first fifty. Prints one line of JSON for each kind: at
which calls it was killed, and which were not reached, with the number of calls that there were."""

import json
import shutil
import sys
import time
import unittest

from faults import FaultTest, Injection
from support import eventually

import trial

FEW = {"pwrite64": (2, 20), "fdatasync": (1, 9), "ftruncate": (1,), "unlink": (1, 2), "sendmmsg": (2,)}
EVERY = dict.fromkeys(FEW, range(1, 51))
LOAD_SECONDS = 6.0  # how long the calls may take to come; then the daemon is told to end, which makes some more
SEGMENTS = 5  # of a journal that is full of frames for the database: as they are stored, its files go
MISSES = 3
AFTERWARDS = 500  # rows that the next daemon stores under load


class KilledAtCall(FaultTest):
    numbers = FEW
    backlogs = False  # whether there are files to be deleted from the start

    def test_pwrite64(self):
        self.try_each("pwrite64")

    def test_fdatasync(self):
        self.try_each("fdatasync")

    def test_ftruncate(self):
        self.try_each("ftruncate", self.backlogs and self.make_backlog("ftruncate"))

    def test_unlink(self):
        self.try_each("unlink", self.backlogs and self.make_backlog("unlink"))

    def test_sendmmsg(self):
        self.try_each("sendmmsg")

    def make_backlog(self, call):
        """A journal as it is left after a long outage, and the fleet that filled it."""
        self.begin(f"{call}-backlog")
        self.close_sql()
        self.trial.database.kill()
        try:
            hilerad = self.start()
            self.start_fleet(devices=500)
            eventually(lambda: hilerad.metrics()["journal_segments"] >= SEGMENTS, "the journal has grown")
            self.assertEqual(self.fleet.terminate(), 0, self.fleet.log_tail())
            self.daemons.remove(hilerad)
            hilerad.kill()
        finally:
            self.trial.database.start()
        return self.journal, self.fleet

    def try_each(self, call, backlog=None):
        """A kill for each number, until some in a row are not reached: later ones would not be either."""
        killed, not_reached, misses, total = [], {}, 0, {"acked": 0, "resent": 0}
        for number in self.numbers[call]:
            if misses == MISSES:
                break
            with self.subTest(call=call, number=number):
                calls = self.try_one(call, number, total, backlog)
                if calls is None:
                    killed.append(number)
                    misses = 0
                else:
                    not_reached[number] = calls
                    misses += 1
        print(json.dumps({"call": call, "killed_at": killed, "not_reached": not_reached, **total}), flush=True)
        self.assertTrue(killed, "no kill was tried")

    def try_one(self, call, number, total, backlog):
        """None when the call has killed; otherwise how many calls there were."""
        for table in ("frame", "dead_letter", "device"):
            self.sql(f"TRUNCATE {table}")
        self.begin(f"{call}-{number}")
        if backlog:
            journal, fleet = backlog
            shutil.copytree(journal, self.journal)
            self.earlier_fleets = [fleet]
        injection = Injection(self.folder / f"{self.name}.strace", call, f"signal=KILL:when={number}")
        self.start_fleet()
        hilerad = self.start(command=injection.command, wait=False)
        deadline = time.monotonic() + LOAD_SECONDS
        while hilerad.running() and time.monotonic() < deadline:
            time.sleep(0.01)
        status = hilerad.terminate()
        self.assertIn(status, (0, -9), hilerad.log_tail())
        if status == -9:
            injection.wait_until_it_has_killed()
            self.assertEqual(injection.calls(), number)
        else:
            eventually(lambda: injection.calls() < number, "no call was missed")
        self.daemons.remove(hilerad)
        hilerad.kill()
        hilerad = self.start()
        eventually(lambda: hilerad.metrics()["records_stored_total"] > AFTERWARDS, "the next one stores frames")
        result, _ = self.check(hilerad)
        total["acked"] += result["acked"]
        total["resent"] += self.fleet.summary()["resent"]
        return None if status == -9 else injection.calls()


if __name__ == "__main__":
    if "--all" in sys.argv:
        sys.argv.remove("--all")
        KilledAtCall.numbers, KilledAtCall.backlogs = EVERY, True
    trial.exit_on_signals()
    unittest.main()
