"""Faults that the kernel seems to make: system calls that kill hilerad or fail, and a disk that is too small."""

import os
import re
import shutil
import socket
import subprocess

from support import SystemTest, eventually

import custody  # tools/, like trial
import trial


class Injection:
    """strace makes a system call of hilerad fail or kill it: `fault` as in strace(1), such as signal=KILL:when=3. Its
    counts are those of each thread. The daemon remains our child (-D), so its exit status is what it ended with."""

    def __init__(self, log, call, fault):
        self.log, self.call = log, call
        # No --seccomp-bpf: with it, strace 6.1 injects errors but no signals.
        self.command = ["strace", "-D", "-f", "-qq", "-o", log, "-e", f"trace={call}", "-e", "signal=none",
                        "-e", f"inject={call}:{fault}"]

    def lines(self):
        try:
            return self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def calls(self):
        """Calls of the thread that made most of them."""
        threads = {}
        for line in self.lines():
            thread, _, call = line.partition(" ")
            if call.strip().startswith(self.call + "("):
                threads[thread] = threads.get(thread, 0) + 1
        return max(threads.values(), default=0)

    def errors(self):
        """How often the call was made to fail."""
        return sum(line.endswith("(INJECTED)") for line in self.lines())

    def wait_until_it_has_killed(self):
        """The call that it was has no result. strace may write that a moment after the daemon is gone."""
        eventually(lambda: any(re.search(r"\) += \?$", line) for line in self.lines()), f"{self.log} has the kill")


class FaultTest(SystemTest):
    """A database for all tests, and for each test a journal of its own and a port that stays the same over restarts."""

    WINDOW = 2
    DRAIN = 30.0  # seconds

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def begin(self, name, **journal):
        """What a test needs before the daemon starts."""
        self.name = name
        self.audit = custody.Audit(self.trial.database)
        self.journal = self.folder / f"journal-{name}"
        self.options = {"directory": str(self.journal), "segment_size": "4MiB", **journal}
        self.udp_port = trial.free_port(socket.SOCK_DGRAM)
        self.database_options = {}
        self.earlier_fleets = []

    def start(self, **options):
        hilerad = self.trial.start_hilerad(
            self.trial.config(pipeline={"ack": "journal"}, journal=self.options, database=self.database_options,
                              drain={"timeout": f"{self.DRAIN:.0f}s"},
                              listeners=[{"name": "native", "codec": "native", "address": "127.0.0.1",
                                          "port": self.udp_port}]), **options)
        self.daemons.append(hilerad)
        return hilerad

    def start_fleet(self, devices=50, **options):
        self.fleet = self.trial.start_simulator(
            self.udp_port, **{"name": f"fleet-{self.name}", "devices": devices, "window": self.WINDOW, "rate": 0,
                              "seconds": 3600, "wait_acks": 60, **options})

    def check(self, hilerad):
        """Ends the fleet and the daemon; nothing is lost, doubled or overtaken. Returns the ledger."""
        self.assertEqual(self.fleet.terminate(), 0, self.fleet.log_tail())
        custody.settle(hilerad)
        ledger = self.assert_ends_well(hilerad)
        result = self.audit.result([*self.earlier_fleets, self.fleet], self.WINDOW)
        self.assertGreater(result["acked"], 0)
        self.assertEqual({**result, "acked": 0}, dict.fromkeys(custody.COUNTS, 0), hilerad.log_tail())
        shutil.rmtree(self.journal, ignore_errors=True)
        return result, ledger


class SmallDisk:
    """A file system in memory, of its own size, that only the daemon sees; it ends with it."""

    def __init__(self, folder, size):
        self.folder = folder
        folder.mkdir()
        self.command = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                        f'mount -t tmpfs -o size={size},mode=700 journal "{folder}" && exec "$@"', "sh"]

    @staticmethod
    def why_not():
        """Why such a thing cannot be had here; None when it can."""
        command = ["unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "none", "/mnt"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return None if done.returncode == 0 else "a tmpfs cannot be mounted here: " + done.stdout.strip()

    def resize(self, hilerad, size):
        subprocess.run(["nsenter", "--mount", "--target", str(hilerad.child.pid), "mount", "-o", f"remount,size={size}",
                        self.folder], check=True)

    def free_bytes(self, hilerad):
        state = os.statvfs(f"/proc/{hilerad.child.pid}/root{self.folder}")
        return state.f_bavail * state.f_frsize
