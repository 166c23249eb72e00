"""Installs a package of Hilera in a copy of a bare Debian, lets it take frames without a database, upgrades it with
these in the journal, removes it and purges it; fails when a record is lost on the way. For tools/package --prove.

    tools/package_trial.py ROOT PACKAGE

Needs root, and the network or a filled cache of apt. Prints one line for each step.
"""

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time

import trial
from machine import CONFIG, Machine, expect, newer

FRAMES = 500
JOURNAL = "/var/lib/hilera/journal"


class Host(Machine):
    """A machine without systemd, on which the daemon is started by hand."""

    @contextlib.contextmanager
    def hilerad(self):
        """The daemon, as its user, until the block is left; then it must end in order. Gives its log."""
        log = self.path("/tmp/hilerad.log")
        with open(log, "wb") as output:
            child = subprocess.Popen(["chroot", "--userspec=hilera:hilera", self.root, "hilerad"], stdout=output,
                                     stderr=output, stdin=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + trial.START_TIMEOUT
            while " ready " not in log.read_text("utf-8"):
                if child.poll() is not None or time.monotonic() > deadline:
                    raise trial.Failure("hilerad does not get ready:\n" + log.read_text("utf-8"))
                time.sleep(0.01)
            yield log
            child.send_signal(signal.SIGTERM)
            if child.wait(trial.STOP_TIMEOUT) != 0:
                raise trial.Failure("hilerad did not end in order:\n" + log.read_text("utf-8"))
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()

    def records(self):
        """How many records the journal has, with no daemon running."""
        return len(self.run("hileractl", "journal", "export", "--directory", JOURNAL).splitlines())


def prepare(machine):
    """The administrator's part: ports that are free here, and a database that nobody serves."""
    port, nobody = trial.free_port(trial.socket.SOCK_DGRAM), trial.free_port(trial.socket.SOCK_STREAM)
    machine.path(CONFIG).write_text(json.dumps({
        "listeners": [{"name": "native", "codec": "native", "address": "127.0.0.1", "port": port}],
        "database": {"hosts": [f"127.0.0.1:{nobody}"], "user": "hilera", "name": "hilera"},
        "http": {"port": 0}, "drain": {"timeout": "1s"}}), "utf-8")
    # What systemd would make for the unit (StateDirectory=, RuntimeDirectory=).
    machine.run("install", "-d", "-o", "hilera", "-g", "hilera", "-m", "0700", "/var/lib/hilera")
    machine.run("install", "-d", "-o", "hilera", "-g", "hilera", "-m", "0750", "/run/hilera")
    machine.run("hilerad", "--check-config")
    return port


def send(machine, port):
    summary = json.loads(machine.run("hilera-sim", "--target", f"127.0.0.1:{port}", "--frames", str(FRAMES), "--rate",
                                     "0", "--quiet"))
    expect("frames acknowledged without a database", summary["acked"], FRAMES)


def main():
    base, package = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="hilera-trial-", dir="/var/tmp") as folder:
        machine = Host(base, folder)
        machine.run("apt-get", "update", "-q")
        machine.install(package)
        version = subprocess.run(["dpkg-deb", "-f", package, "Version"], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout.strip()
        expect("program", machine.run("hilerad", "--version").strip(), f"hilerad {version.partition('-')[0]}")
        expect("account", machine.run("id", "-un", "hilera").strip(), "hilera")
        expect("folder of the configuration", machine.run("stat", "-c", "%a %U:%G", "/etc/hilera").strip(),
               "750 root:hilera")
        expect("file for the password", machine.run("stat", "-c", "%a %U:%G", "/etc/hilera/db-password").strip(),
               "600 root:root")
        machine.run("hilerad", "--check-config")
        machine.run("dpkg", "--verify", "hilera")

        port = prepare(machine)
        configuration = machine.path(CONFIG).read_text("utf-8")
        with machine.hilerad():
            send(machine, port)
        expect("records in the journal", machine.records(), FRAMES)

        machine.install(newer(package, folder))
        expect("installed version", machine.run("dpkg-query", "-W", "-f=${Version}", "hilera").endswith("+newer"), True)
        expect("configuration kept by the upgrade", machine.path(CONFIG).read_text("utf-8") == configuration, True)
        with machine.hilerad():
            send(machine, port)
        expect("records in the journal after the upgrade", machine.records(), 2 * FRAMES)

        files = sorted(path.name for path in machine.path(JOURNAL).iterdir())
        machine.run("apt-get", "remove", "-y", "-q", "hilera")
        expect("program after removal", machine.path("/usr/bin/hilerad").exists(), False)
        expect("configuration after removal", machine.path(CONFIG).exists(), True)
        expect("files of the journal after removal", sorted(path.name for path in machine.path(JOURNAL).iterdir()), files)
        said = machine.run("apt-get", "purge", "-y", "-q", "hilera")
        expect("purge tells of the journal", f"{JOURNAL} is kept" in said, True)
        expect("configuration after purge", machine.path("/etc/hilera").exists(), False)

        machine.install(package)
        expect("records in the journal after a new installation", machine.records(), 2 * FRAMES)


if __name__ == "__main__":
    trial.exit_on_signals()
    try:
        main()
    except trial.Failure as failure:
        sys.exit(f"package_trial: {failure}")
