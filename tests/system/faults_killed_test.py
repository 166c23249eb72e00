"""hilerad is killed in the middle of its n-th system call of a kind, under load, and starts again with what it left:
nothing that was acknowledged is lost, nothing is there twice, and the order holds.

Without an argument a few calls of each kind; with --all the first fifty. Prints one line of JSON for each kind: which
calls were tried, and which were not reached because the daemon does not make so many."""

import json
import sys
import time
import unittest

from faults import FaultTest, Injection
from support import eventually

import trial

FEW = {"pwrite64": (2, 20), "fdatasync": (1, 9), "ftruncate": (1,), "unlink": (1, 3), "sendmmsg": (2,)}
EVERY = dict.fromkeys(FEW, range(1, 51))
LOAD_SECONDS = 4.0  # how long the calls may take to come; then the daemon is told to end, which makes some more


class KilledAtCall(FaultTest):
    numbers = FEW

    def test_pwrite64(self):
        self.try_each("pwrite64")

    def test_fdatasync(self):
        self.try_each("fdatasync")

    def test_ftruncate(self):
        self.try_each("ftruncate")

    def test_unlink(self):
        self.try_each("unlink")

    def test_sendmmsg(self):
        self.try_each("sendmmsg")

    def try_each(self, call):
        """A kill for each number, up to the first that is not reached: later ones would not be either."""
        killed, total = [], {"acked": 0, "resent": 0}
        unreached = None
        for number in self.numbers[call]:
            with self.subTest(call=call, number=number):
                calls = self.try_one(call, number, total)
                if calls is not None:
                    unreached = {"from": number, "calls": calls}
                    break
                killed.append(number)
        print(json.dumps({"call": call, "killed_at": killed, "not_reached": unreached, **total}), flush=True)
        self.assertTrue(killed or unreached["calls"] == 0, "calls were made, but no kill was tried")

    def try_one(self, call, number, total):
        """None when the call has killed; otherwise how many calls there were."""
        self.begin(f"{call}-{number}")
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
        result, _ = self.check(self.start())
        total["acked"] += result["acked"]
        total["resent"] += self.fleet.summary()["resent"]
        return None if status == -9 else injection.calls()


if __name__ == "__main__":
    if "--all" in sys.argv:
        sys.argv.remove("--all")
        KilledAtCall.numbers = EVERY
    trial.exit_on_signals()
    unittest.main()
