"""Copies of a Debian in a folder, with a package of Hilera installed, for the trials of tools/package --prove: a plain
one, in which programs run, and one that systemd has booted, in namespaces of its own."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import time

import trial

CONFIG = "/etc/hilera/hilera.yaml"
TIMEOUT = 90.0  # seconds; longer than what a unit may take to start or to stop
INSTALL = ("apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold")

# Run with the folder as $0: makes it the root of the new namespaces, with what a container has, and systemd its init.
# Not chroot, in which no user namespace can be made (PrivateUsers=).
BOOT = """
cd "$0"
mount --bind . .
cd "$0"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do
  touch "dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
hostname trial
pivot_root . .
umount -l .
mount --make-rshared /
exec env -i container=trial PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=multi-user.target
"""


def expect(what, found, wanted):
    if found != wanted:
        raise trial.Failure(f"{what}: {found!r} instead of {wanted!r}")
    print(f"{what}: {found}", flush=True)


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


class Machine:
    """A copy of a Debian in a folder, with programs that run in it."""

    def __init__(self, base, folder):
        self.root = pathlib.Path(folder) / "root"
        subprocess.run(["cp", "-a", base, self.root], check=True)
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")

    def path(self, inside):
        return self.root / inside.lstrip("/")

    def command(self, *inside):
        """What to run here, so that `inside` runs there. It sees a /proc, which goes with it."""
        script = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
        return ["unshare", "--mount", "sh", "-c", script, self.root, *inside]

    def attempt(self, *command):
        """Its status, and what it prints."""
        done = subprocess.run(self.command(*command),
                              env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False)
        return done.returncode, done.stdout + done.stderr

    def run(self, *command, status=0):
        """What the program prints, when it ends with `status`."""
        ended, said = self.attempt(*command)
        if ended != status:
            raise trial.Failure(f"{' '.join(command)} ended with status {ended}:\n{said}")
        return said

    def install(self, package):
        shutil.copy(package, self.path("/var/tmp/hilera.deb"))
        self.run(*INSTALL, "/var/tmp/hilera.deb")


class BootedMachine(Machine):
    """One whose process 1 is systemd, in namespaces of its own, of which the network has nothing but loopback. Left as
    a context, or when this process ends, all that runs in it is killed."""

    def __init__(self, base, folder):
        super().__init__(base, folder)
        hierarchy = subprocess.run(["findmnt", "-n", "-f", "-t", "cgroup2", "-o", "TARGET"], check=False, text=True,
                                   stdout=subprocess.PIPE).stdout.strip()
        if not hierarchy:
            raise trial.Failure("systemd needs cgroups of version 2, and here they are not mounted")
        self._cgroup = pathlib.Path(hierarchy) / f"hilera-trial-{os.getpid()}"
        self._log = pathlib.Path(folder) / "boot.log"

    def __enter__(self):
        self.boot()
        return self

    def __exit__(self, *_):
        self.power_off()

    def boot(self):
        self._cgroup.mkdir()
        script = (f'echo $$ > "{self._cgroup}/cgroup.procs" && exec setpriv --pdeathsig KILL unshare --pid --fork '
                  '--kill-child --mount --uts --ipc --net --cgroup --propagation private sh -ec "$1" "$0"')
        with open(self._log, "wb") as log:
            self._child = subprocess.Popen(["sh", "-c", script, self.root, BOOT], stdin=subprocess.DEVNULL, stdout=log,
                                           stderr=log, start_new_session=True)
        try:
            self.eventually("systemd is process 1", self._find_init)
            self.eventually("systemd has started all", lambda: self._state() in ("running", "degraded"))
        except BaseException:
            self.power_off()
            raise

    def power_off(self):
        """Everything ends at once; the files are as they are then."""
        self._child.kill()
        self._child.wait()
        with contextlib.suppress(trial.Failure):
            self.eventually("all is gone", self._remove_cgroups)

    def _find_init(self):
        if self._child.poll() is not None:
            raise trial.Failure("systemd does not start:\n" + self._log.read_text("utf-8"))
        children = pathlib.Path(f"/proc/{self._child.pid}/task/{self._child.pid}/children").read_text("ascii").split()
        self._init = next(iter(children), None)
        with contextlib.suppress(FileNotFoundError):
            return self._init and pathlib.Path(f"/proc/{self._init}/comm").read_text("ascii").strip() == "systemd"

    def _state(self):
        return self.attempt("systemctl", "is-system-running")[1].strip()

    def _remove_cgroups(self):
        for folder, _, _ in os.walk(self._cgroup, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        return not self._cgroup.exists()

    def command(self, *inside):
        return ["nsenter", "--target", self._init, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--",
                *inside]

    def eventually(self, what, probe, timeout=TIMEOUT):
        """Until `probe` gives something true, which is returned."""
        deadline = time.monotonic() + timeout
        while not (found := probe()):
            if time.monotonic() > deadline:
                raise trial.Failure(f"{what}: not within {timeout:.0f} s")
            time.sleep(0.05)
        return found

    def show(self, unit, name):
        """A property of a unit, as text."""
        return self.run("systemctl", "show", "--value", "-p", name, unit).strip()

    def journal(self, unit, after=None):
        """What the journal has about a unit: the messages, one a line; only those behind a cursor."""
        behind = ["--after-cursor", after] if after else []
        return self.run("journalctl", "--no-pager", "-q", "-o", "cat", "-u", unit, *behind)

    def cursor(self):
        """The place where the journal ends now."""
        said = self.run("journalctl", "--no-pager", "-q", "-n", "0", "--show-cursor")
        return said.rpartition("-- cursor: ")[2].strip()
