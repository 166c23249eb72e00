"""A whole Hilera for a trial: a private MariaDB, hilerad and the simulator, in one folder; for tools/demo and bench/.

Everything listens on loopback and belongs to the caller: `with Trial(folder) as trial:` ends what was started, each by
its pid, however the block is left. What goes wrong raises Failure with a sentence that names the log to read.
"""

import contextlib
import json
import os
import pathlib
import random
import re
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARIES = ROOT / "build" / "release" / "bin"
PRIVATE_MARIADB = ROOT / "tools" / "private-mariadb"
START_TIMEOUT = 30.0  # seconds
STOP_TIMEOUT = 60.0  # seconds; longer than the drain's own deadline

# Rows whose arrival is smaller than that of the row committed before them, per device and collector.
ORDER_VIOLATIONS = """
SELECT COUNT(*) FROM (
  SELECT arrival, LAG(arrival) OVER (PARTITION BY nserie, collector ORDER BY commit_seq) AS previous
  FROM frame WHERE NOT replayed) AS pairs
WHERE arrival < previous"""


class Failure(Exception):
    pass


def exit_on_signals():
    """Turns SIGTERM and SIGHUP into SystemExit, so that every `with` and `finally` runs as it does for Ctrl-C."""
    def leave(number, _frame):
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)


def free_port(kind):
    """A port of 127.0.0.1 nobody has now; below the range from which the kernel takes outgoing ports."""
    for _ in range(100):
        port = random.randrange(10000, 20000)
        with socket.socket(socket.AF_INET, kind) as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise Failure("found no free port")


def build(targets):
    """Builds programs in build/release. Its output goes to standard error."""
    for command in (
        ["cmake", "--preset", "release", "--log-level=WARNING"],
        ["cmake", "--build", "build/release", "-j", str(os.cpu_count()), "--target", *targets],
    ):
        if subprocess.run(command, cwd=ROOT, stdout=2, check=False).returncode != 0:
            raise Failure("the build failed: " + " ".join(command))


class Mariadb:
    """A server made by tools/private-mariadb in `folder`."""

    def __init__(self, folder, options=()):
        self.folder = pathlib.Path(folder)
        self._run("start", self.folder, *(["--", *options] if options else []))
        lines = (self.folder / "env").read_text(encoding="utf-8").splitlines()
        environment = dict(line.split("=", 1) for line in lines)
        self.socket, self.port = environment["SOCKET"], int(environment["PORT"])
        self.pid = int(environment["PID"])

    def stop(self):
        self._run("stop", self.folder)

    def sql(self, statement, *options, database="hilera"):
        """What the client prints for `statement`; by default rows of columns between tabs, without a heading."""
        with_database = ["--database", database] if database else []
        return self._run("sql", self.folder, statement, *(options or ["-N", "-B"]), *with_database)

    def value(self, statement):
        return int(self.sql(statement))

    def rows(self, statement):
        """The rows of a large result one by one, as lists of text."""
        command = ["mariadb", "--no-defaults", "--socket", self.socket, "--user=root", "--quick", "-N", "-B", "hilera",
                   "-e", statement]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
            for line in client.stdout:
                yield line.rstrip("\n").split("\t")
        if client.returncode != 0:
            raise Failure("the client failed on: " + statement)

    @staticmethod
    def _run(*command):
        done = subprocess.run([PRIVATE_MARIADB, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
                              text=True, start_new_session=True)
        if done.returncode != 0:
            raise Failure(f"private-mariadb {command[0]} failed")
        return done.stdout


class Process:
    """A child of ours with its output in a log; started apart from the terminal, so that Ctrl-C reaches only us."""

    def __init__(self, command, log, **options):
        self.name = pathlib.Path(command[0]).name
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as output:
            self.child = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output,
                                          stderr=output, start_new_session=True, **options)

    def running(self):
        return self.child.poll() is None

    def wait(self, timeout):
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {timeout:.0f} s{self.log_tail()}") from None

    def terminate(self):
        """SIGTERM, and its exit status."""
        if self.running():
            self.child.send_signal(signal.SIGTERM)
        return self.wait(STOP_TIMEOUT)

    def kill(self):
        if self.running():
            self.child.kill()
        self.child.wait()

    def cpu_seconds(self):
        """User and system time so far."""
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def log_tail(self, lines=15):
        text = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        return "; the end of its log:\n" + "\n".join(text) if text else ""


class Hilerad(Process):
    """The daemon, ready to receive. It tells so itself, as it would tell systemd."""

    def __init__(self, folder, binaries, database, *, codec="native", connections=8, extra=""):
        self.codec = codec
        self.port, self.http_port = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
        self.control = folder / "control"
        password = folder / "db-password"
        config = folder / "hilera.yaml"
        config.write_text(
            f"""collector: trial
listeners:
  - {{name: trial, codec: {codec}, address: 127.0.0.1, port: {self.port}}}
pipeline: {{ack: database}}
database:
  socket: {database.socket}
  user: hilera
  password_file: {password}
  name: hilera
  connections: {connections}
http: {{address: 127.0.0.1, port: {self.http_port}}}
control: {{socket: {self.control}}}
{extra}""", encoding="utf-8")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            path = str(folder / "notify")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            notify.bind(path)
            notify.settimeout(0.1)
            super().__init__([binaries / "hilerad", "--config", config], folder / "hilerad.log",
                             env={**os.environ, "NOTIFY_SOCKET": path})
            self._wait_until_ready(notify)

    def _wait_until_ready(self, notify):
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                if b"READY=1" in notify.recv(4096).split(b"\n"):
                    return
            if not self.running():
                raise Failure(f"hilerad ended with status {self.child.returncode}{self.log_tail()}")
        self.kill()
        raise Failure(f"hilerad was not ready within {START_TIMEOUT:.0f} s{self.log_tail()}")

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=10) as answer:
                return answer.read().decode("utf-8")
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise Failure(f"hilerad does not serve {path}: {error}{self.log_tail()}") from error

    def metrics(self):
        """Metric name -> sum over its labels; names without the prefix `hilera_`."""
        sums = {}
        for line in self.get("/metrics").splitlines():
            sample = re.match(r"hilera_(\w+)(?:\{.*\})? (\S+)", line)
            if sample:
                sums[sample[1]] = sums.get(sample[1], 0) + float(sample[2])
        return {name: int(value) if value == int(value) else value for name, value in sums.items()}


class Trial:
    """The folder, what runs in it, and its end."""

    def __init__(self, folder, binaries=BINARIES):
        self.folder = pathlib.Path(folder)
        self.binaries = pathlib.Path(binaries).absolute()
        for program in ("hilerad", "hileractl", "hilera-sim"):
            if not os.access(self.binaries / program, os.X_OK):
                raise Failure(f"there is no {program} in {self.binaries}: build it first")
        self.database = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def start_database(self, options=(), order_audit=True):
        """A server with the database, the account of hilerad with the rights it needs, and the tables."""
        # private-mariadb stops nothing where nothing runs, so this is right also when the start fails half way.
        self._stack.callback(subprocess.run, [PRIVATE_MARIADB, "stop", self.folder / "db"], check=False)
        self.database = Mariadb(self.folder / "db", options)
        password = secrets.token_urlsafe(18)
        with open(os.open(self.folder / "db-password", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="ascii") as file:
            file.write(password + "\n")
        self.database.sql(f"CREATE DATABASE hilera; CREATE USER hilera@localhost IDENTIFIED BY '{password}';"
                          "GRANT SELECT, INSERT, UPDATE ON hilera.* TO hilera@localhost", database=None)
        command = [self.binaries / "hileractl", "schema", "apply", "--socket", self.database.socket, "--user", "root"]
        if order_audit:
            command.append("--order-audit")
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise Failure("hileractl schema apply failed:\n" + done.stdout)
        return self.database

    def start_hilerad(self, **options):
        return self.own(Hilerad(self.folder, self.binaries, self.database, **options))

    def start(self, command, log):
        return self.own(Process(command, self.folder / log))

    def start_simulator(self, port, *, codec="native", **options):
        """Options are those of hilera-sim, with underscores; its summary and log are simulator.json and acked.log."""
        command = [self.binaries / "hilera-sim", "--target", f"127.0.0.1:{port}", "--codec", codec,
                   "--json", self.folder / "simulator.json", "--log", self.folder / "acked.log"]
        for name, value in options.items():
            command += ["--" + name.replace("_", "-"), value]
        for name in ("simulator.json", "acked.log"):
            (self.folder / name).unlink(missing_ok=True)
        return self.start(command, "simulator.log")

    def simulator_summary(self, simulator):
        """Of a simulator that has ended; whether all frames were acknowledged is for the caller to judge."""
        try:
            return json.loads((self.folder / "simulator.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            raise Failure(f"hilera-sim ended with status {simulator.child.returncode} and without a summary"
                          f"{simulator.log_tail()}") from None

    def lost_acked(self):
        """How many acknowledged records are neither in `frame` nor in `dead_letter`."""
        kept = {tuple(row) for row in self.database.rows("SELECT nserie, frame_id, codec FROM frame")}
        kept.update(tuple(row) for row in self.database.rows("SELECT nserie, frame_id, codec FROM dead_letter"))
        with open(self.folder / "acked.log", encoding="ascii") as log:
            return sum(1 for line in log if tuple(line.split()) not in kept)

    def own(self, process):
        """A Process that ends with the trial."""
        self._stack.callback(process.kill)
        return process
