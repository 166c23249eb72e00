"""A Debian that systemd has booted, with Hilera and its database, and what a trial asks of it; for systemd_trial.py."""

import contextlib
import json
import pathlib
import shutil
import subprocess
import tempfile

import trial
from machine import CONFIG, INSTALL, BootedMachine, Machine, expect

SERVICE, SOCKET = "hilera.service", "hilera.socket"
BOTH = (SOCKET, SERVICE)
FOLDER = "/etc/hilera"
RATE = 1000  # frames a second
DATABASE_SOCKET = "/run/mysqld/mysqld.sock"


class Host(BootedMachine):
    """One with Hilera and its database."""

    def sql(self, statement):
        return self.run("mariadb", "-N", "-B", "hilera", "-e", statement)

    def rows(self):
        return int(self.sql("SELECT COUNT(*) FROM frame"))

    def states(self, *units):
        return [self.show(unit, "ActiveState") for unit in units or BOTH]

    def pid(self):
        return int(self.show(SERVICE, "MainPID"))

    def write(self, path, text, owner="root:hilera", mode="640"):
        self.path(path).write_text(text, "utf-8")
        self.run("chown", owner, path)
        self.run("chmod", mode, path)

    def drop_in(self, unit, text):
        """A drop-in of the administrator, for as long as the machine is."""
        folder = self.path(f"/etc/systemd/system/{unit}.d")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "trial.conf").write_text(text, "utf-8")
        self.run("systemctl", "daemon-reload")

    def send(self, frames, *options, port=5600):
        """The summary of a simulator that sends so many frames, each by a device of its own."""
        return json.loads(self.run("hilera-sim", "--target", f"127.0.0.1:{port}", "--frames", str(frames), "--devices",
                                   str(frames), "--rate", "0", "--quiet", *options))

    @contextlib.contextmanager
    def load(self, acks=True):
        """Frames that come until the block is left, each sent once without `acks`. Then it has `sent`, how many
        datagrams, and the keys of the `acknowledged` records."""
        summary, log = "/var/tmp/load.json", "/var/tmp/load.acked"
        before = self.rows()
        self.run("systemd-run", "-q", "--unit=load", "hilera-sim", "--target", "127.0.0.1:5600", "--rate", str(RATE),
                 "--seconds", "3600", "--quiet", "--json", summary, *(["--log", log] if acks else ["--no-acks"]))
        self.eventually("the load is there", lambda: self.rows() > before + RATE)
        result = {}
        yield result
        # Which ends with 1 when frames were left unacknowledged.
        self.attempt("systemctl", "stop", "load.service")
        self.attempt("systemctl", "reset-failed", "load.service")
        result["sent"] = json.loads(self.path(summary).read_text("utf-8"))["datagrams"]
        if acks:
            result["acknowledged"] = {tuple(line.split()) for line in self.path(log).read_text("ascii").splitlines()}

    def lost(self, acknowledged):
        """Of the acknowledged records, how many are not stored, once all that was received is."""
        def missing():
            stored = {tuple(line.split("\t")) for line in
                      self.sql("SELECT nserie, frame_id, codec FROM frame").splitlines()}
            return len(acknowledged - stored)
        with contextlib.suppress(trial.Failure):
            self.eventually("stored", lambda: missing() == 0)
        return missing()

    def expect_rows(self, what, wanted):
        with contextlib.suppress(trial.Failure):
            self.eventually(what, lambda: self.rows() >= wanted)
        expect(what, self.rows(), wanted)

    def expect_states(self, what, wanted, *units):
        """That the units, of which without names there are BOTH, come to be in these states."""
        self.eventually(f"{what}: {wanted}", lambda: self.states(*units) == wanted)
        print(f"{what}: {wanted}", flush=True)

    def expect_logged(self, what, text, after=None):
        """That the service comes to write this to the journal, behind a cursor if there is one."""
        self.eventually(f"{what}: {text}", lambda: text in self.journal(SERVICE, after))
        print(f"{what}: {text}", flush=True)


def prepared(base, package):
    """The bare Debian with all that the trial needs and that is not ours; made once, beside it."""
    made = pathlib.Path(f"{base}.systemd")
    needed = subprocess.run(["dpkg-deb", "-f", package, "Depends"], check=True, text=True,
                            stdout=subprocess.PIPE).stdout.strip()
    wanted = f"systemd, dbus, iproute2, mariadb-server, {needed}"
    mark = made / "var/tmp/made-for"
    if mark.exists() and mark.read_text("utf-8") == wanted:
        return made
    shutil.rmtree(made, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="hilera-trial-", dir=made.parent) as folder:
        machine = Machine(base, folder)
        policy = machine.path("/usr/sbin/policy-rc.d")
        policy.write_text("#!/bin/sh\nexit 101\n", "utf-8")  # Nothing is started before it is booted.
        policy.chmod(0o755)
        machine.run("apt-get", "update", "-q")
        machine.run("apt-get", "satisfy", *INSTALL[2:], wanted)
        machine.run("apt-get", "clean")
        policy.unlink()
        machine.path("/var/tmp/made-for").write_text(wanted, "utf-8")
        machine.root.rename(made)
    return made


def install(host, package):
    """And the administrator's part, by README.Debian."""
    host.install(package)
    expect("after the installation", host.states(), ["inactive", "inactive"])
    host.write("/etc/hosts", "127.0.0.1 localhost\n", owner="root:root", mode="644")  # As the installer of Debian does.
    host.run("mariadb", "-e", "CREATE DATABASE hilera CHARACTER SET utf8mb4; "
             "CREATE USER hilera@localhost IDENTIFIED BY 'the password of hilera'; "
             "GRANT SELECT, INSERT, UPDATE ON hilera.* TO hilera@localhost")
    host.run("hileractl", "schema", "apply", "--socket", DATABASE_SOCKET, "--user", "root")
    host.path(f"{FOLDER}/db-password").write_text("the password of hilera\n", "utf-8")
    host.run("systemctl", "enable", "--now", *BOTH)
    expect("enabled and started with the reference configuration", host.states(), ["active", "active"])
    expect("status", host.show(SERVICE, "StatusText"), "receiving")
    host.eventually("the database answers", lambda: host.attempt("hileractl", "status")[0] == 0)
    reference = host.path(CONFIG).read_text("utf-8")
    expect("hosts in the reference configuration", reference.count('hosts: ["127.0.0.1:3306"]'), 1)
    configuration = reference.replace('hosts: ["127.0.0.1:3306"]', f"socket: {DATABASE_SOCKET}")
    host.path(CONFIG).write_text(configuration, "utf-8")
    host.run("systemctl", "restart", SERVICE)
    return configuration
