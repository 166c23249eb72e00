"""Installs a package of Hilera in a copy of a bare Debian, lets it take frames without a database, upgrades it with
these in the journal, removes it and purges it; fails when a record is lost on the way. For tools/package --prove.

    tools/package_trial.py ROOT PACKAGE

Needs root, and the network or a filled cache of apt. Prints one line for each step.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import trial

FRAMES = 500
JOURNAL = "/var/lib/hilera/journal"
CONFIG = "/etc/hilera/hilera.yaml"


class Machine:
    """A copy of a bare Debian in a folder, with programs that run in it."""

    def __init__(self, base, folder):
        self.root = pathlib.Path(folder) / "root"
        subprocess.run(["cp", "-a", base, self.root], check=True)
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")

    def path(self, inside):
        return self.root / inside.lstrip("/")

    def run(self, *command, status=0):
        """What the program prints, when it ends with `status`. It sees a /proc, which goes with it."""
        script = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
        done = subprocess.run(["unshare", "--mount", "sh", "-c", script, self.root, *command],
                              env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False)
        if done.returncode != status:
            raise trial.Failure(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def install(self, package):
        shutil.copy(package, self.path("/tmp/hilera.deb"))
        self.run("apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold",
                 "/tmp/hilera.deb")

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


def newer(package, folder):
    """The same package with a higher version, as the next one will have."""
    tree, result = pathlib.Path(folder) / "newer", pathlib.Path(folder) / "newer.deb"
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = tree / "DEBIAN/control"
    text = control.read_text("utf-8")
    version = next(line.split()[1] for line in text.splitlines() if line.startswith("Version:"))
    control.write_text(text.replace(f"Version: {version}", f"Version: {version}+newer"), "utf-8")
    # And with another default, so that dpkg sees that the administrator and the package have both changed the file.
    conffile = tree / CONFIG.lstrip("/")
    conffile.write_text(conffile.read_text("utf-8") + "\n# A newer reference.\n", "utf-8")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, result], check=True, stdout=subprocess.DEVNULL)
    return result


def expect(what, found, wanted):
    if found != wanted:
        raise trial.Failure(f"{what}: {found!r} instead of {wanted!r}")
    print(f"{what}: {found}", flush=True)


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
        machine = Machine(base, folder)
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
