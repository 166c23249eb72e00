"""A whole Hilera for a trial: a private MariaDB, hilerad and the simulator, in one folder; for tools/demo and bench/.

Everything listens on loopback and belongs to the caller: `with Trial(folder) as trial:` ends what was started, each by
its pid, however the block is left. What goes wrong raises Failure with a sentence that names the log to read.
"""

import configparser
import contextlib
import fcntl
import json
import os
import pathlib
import random
import re
import secrets
import signal
import socket
import struct
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


def mariadb_options(file):
    """The section [mariadbd] of an option file, as options of the command line."""
    parser = configparser.ConfigParser(allow_no_value=True, interpolation=None)
    with open(file, encoding="utf-8") as lines:
        parser.read_file(lines)
    return [f"--{name}" if value is None else f"--{name}={value}" for name, value in parser["mariadbd"].items()]


class Mariadb:
    """A server made by tools/private-mariadb in `folder`."""

    def __init__(self, folder, options=()):
        self.folder = pathlib.Path(folder)
        self.start(*(["--", *options] if options else []))

    def start(self, *options):
        """Also again, after stop() or kill(): with the same data, socket, port and options."""
        self._run("start", self.folder, *options)
        lines = (self.folder / "env").read_text(encoding="utf-8").splitlines()
        environment = dict(line.split("=", 1) for line in lines)
        self.socket, self.port = environment["SOCKET"], int(environment["PORT"])
        self.pid = int(environment["PID"])

    def stop(self):
        self._run("stop", self.folder)

    def kill(self):
        """As a crash would."""
        self._run("kill", self.folder)

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
        done = subprocess.run([PRIVATE_MARIADB, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              check=False, start_new_session=True)
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


class Notifications:
    """The messages of sd_notify(3), received as systemd would receive them."""

    def __init__(self, path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.path = str(path)
        self.received = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.settimeout(0.1)

    def close(self):
        self._socket.close()

    def wait_for(self, line, process, *, times=1, timeout=START_TIMEOUT):
        """Until `line` has come so often since the start. `process` is who has to send it."""
        deadline = time.monotonic() + timeout
        while self.received.count(line) < times:
            # Looked at first, so that what it sent just before its end is still read.
            ended = not process.running()
            try:
                self.received += self._socket.recv(4096).decode("utf-8").split("\n")
            except TimeoutError:
                if ended:
                    raise Failure(f"{process.name} ended with status {process.child.returncode} before it said {line}"
                                  f"{process.log_tail()}") from None
                if time.monotonic() > deadline:
                    raise Failure(f"{process.name} did not say {line} within {timeout:.0f} s"
                                  f"{process.log_tail()}") from None


class HeldSocket:
    """A UDP socket of a listener that outlives the daemon, as systemd holds it for hilera.socket."""

    SO_RCVBUFFORCE, SO_MEMINFO, MEMINFO_DROPS = 33, 55, 8

    def __init__(self, name="hilera.socket", address=("127.0.0.1", 0), receive_buffer=16 << 20):
        self.name = name
        self.socket = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, self.SO_RCVBUFFORCE, receive_buffer)
        self.socket.bind(address)
        self.host, self.port = self.socket.getsockname()[:2]

    def drops(self):
        """Datagrams that found no room in it, since it was made."""
        figures = self.socket.getsockopt(socket.SOL_SOCKET, self.SO_MEMINFO, 4 * (self.MEMINFO_DROPS + 1))
        return struct.unpack("=9I", figures)[self.MEMINFO_DROPS]

    def close(self):
        self.socket.close()


@contextlib.contextmanager
def handing_over(sockets):
    """A command to run a program with these sockets, by the protocol of sd_listen_fds(3), and the descriptors that it
    needs. They are copies with high numbers, so that none stands where another one has to go."""
    copies = [fcntl.fcntl(each.socket.fileno(), fcntl.F_DUPFD_CLOEXEC, 100) for each in sockets]
    moves = [f"{3 + i}<&{copy} {copy}<&-" for i, copy in enumerate(copies)]
    names = ":".join(each.name for each in sockets)
    script = f'exec {" ".join(moves)}; LISTEN_PID=$$ LISTEN_FDS={len(copies)} LISTEN_FDNAMES={names} exec "$@"'
    try:
        yield (["bash", "-c", script, "bash"] if copies else []), copies
    finally:
        for copy in copies:
            os.close(copy)


class Hilerad(Process):
    """The daemon, receiving, unless `wait` is false. Where the configuration leaves a port to the kernel (0), the log
    tells which it is. `sockets`: each a HeldSocket that it is handed."""

    def __init__(self, folder, binaries, config, *, name="hilerad", environment=(), command=(), sockets=(), wait=True):
        self.config = folder / f"{name}.yaml"
        self.config.write_text(json.dumps(config, indent=1), encoding="utf-8")  # JSON is YAML
        self.control = config["control"]["socket"]
        self.notifications = Notifications(folder / f"{name}.notify")
        log = folder / f"{name}.log"
        log.unlink(missing_ok=True)
        with handing_over(sockets) as (prefix, descriptors):
            super().__init__([*prefix, *command, binaries / "hilerad", "--config", self.config], log,
                             env={**os.environ, "NOTIFY_SOCKET": self.notifications.path, **dict(environment)},
                             pass_fds=descriptors)
        if wait:
            self.wait_until_receiving()

    def wait_until_receiving(self):
        """Fails, and ends it, when it does not get there."""
        try:
            self.notifications.wait_for("READY=1", self)
            self.http_port = port_of(self._ready()["http"])
            self.ports = {each["name"]: port_of(each["address"]) for each in self.events("listener_bound")}
            self.port = next(iter(self.ports.values()))
        except Failure:
            self.kill()
            raise

    def kill(self):
        super().kill()
        self.notifications.close()

    def _ready(self):
        # The log is written by a thread of its own and may be a moment late.
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            for event in self.events("ready"):
                return event
            time.sleep(0.01)
        raise Failure(f"hilerad did not write where it listens{self.log_tail()}")

    def events(self, name):
        """The lines of the log that are about event `name`, each as field -> text."""
        found = []
        for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines():
            words = line.split(" ", 3)  # time, level, event, fields
            if words[2:3] == [name]:
                fields = re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))', "".join(words[3:]))
                found.append({key: re.sub(r'\\(["\\])', r"\1", quoted) or bare for key, quoted, bare in fields})
        return found

    def get(self, path):
        status, text = self.ask(path)
        if status != 200:
            raise Failure(f"hilerad answers {path} with status {status}: {text}{self.log_tail()}")
        return text

    def ask(self, path):
        """HTTP status and text."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode("utf-8")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode("utf-8")
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise Failure(f"hilerad does not serve {path}: {error}{self.log_tail()}") from error

    def samples(self):
        """Every sample of /metrics: name without the prefix `hilera_`, labels, value."""
        for line in self.get("/metrics").splitlines():
            sample = re.match(r"hilera_(\w+)(?:\{(.*)\})? (\S+)", line)
            if sample:
                value = float(sample[3])
                labels = dict(re.findall(r'(\w+)="([^"]*)"', sample[2] or ""))
                yield sample[1], labels, int(value) if value.is_integer() else value

    def metrics(self):
        """Metric name -> sum over its labels."""
        sums = {}
        for name, _, value in self.samples():
            sums[name] = sums.get(name, 0) + value
        return sums

    def by_label(self, name, label):
        """Of one metric: label value -> sum, without those that are 0."""
        sums = {}
        for sample, labels, value in self.samples():
            if sample == name and value:
                sums[labels[label]] = sums.get(labels[label], 0) + value
        return sums

    def last_ledger(self):
        """The ledger that it wrote when it ended."""
        for event in reversed([*self.events("stopped"), *self.events("ledger_does_not_balance")]):
            return json.loads(event["ledger"])
        raise Failure(f"hilerad wrote no ledger{self.log_tail()}")


def port_of(address):
    return int(address.rpartition(":")[2])


class Simulator(Process):
    """hilera-sim. Its summary and, if wanted, its log of acknowledged records are files of the folder."""

    def __init__(self, folder, binaries, port, name, codec, log, options):
        self._summary, self._acked = folder / f"{name}.json", folder / f"{name}.acked"
        command = [binaries / "hilera-sim", "--target", f"127.0.0.1:{port}", "--codec", codec, "--json", self._summary]
        if log:
            command += ["--log", self._acked]
        for option, value in options.items():
            command.append("--" + option.replace("_", "-"))
            if value is not True:
                command.append(value)
        for file in (self._summary, self._acked):
            file.unlink(missing_ok=True)
        super().__init__(command, folder / f"{name}.log")

    def summary(self):
        """When it has ended; whether all frames were acknowledged is for the caller to judge."""
        try:
            return json.loads(self._summary.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            raise Failure(f"hilera-sim ended with status {self.child.returncode} and without a summary"
                          f"{self.log_tail()}") from None

    def acked(self):
        """The key of each acknowledged record as text: nserie, frame_id, codec."""
        with open(self._acked, encoding="ascii") as log:
            for line in log:
                yield tuple(line.split())

    def acked_size(self):
        """Bytes in the log of acknowledged records, which grows while it runs, a block at a time."""
        return self._acked.stat().st_size if self._acked.exists() else 0

    def last_acked(self, count):
        """The keys of the last ones that are in the log by now."""
        if not self._acked.exists():
            return []
        with open(self._acked, "rb") as log:
            log.seek(max(0, self.acked_size() - count * 100))
            lines = log.read().decode("ascii").split("\n")
        # The first line and the last one may be parts of lines.
        return [tuple(line.split()) for line in lines[1:-1]][-count:]


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

    def start_database(self, options=(), *, name="db", order_audit=True, tables=True):
        """A server with the database, the account of hilerad with the rights it needs, and the tables."""
        # private-mariadb stops nothing where nothing runs, so this is right also when the start fails half way.
        self._stack.callback(subprocess.run, [PRIVATE_MARIADB, "stop", self.folder / name], check=False)
        self.use_database(Mariadb(self.folder / name, options))
        if tables:
            self.make_tables(order_audit)
        return self.database

    def use_database(self, database, client="localhost"):
        """Makes the database and the account of hilerad, which comes from `client`: this host, or its address."""
        self.database = database
        password = secrets.token_urlsafe(18)
        with open(os.open(self.folder / "db-password", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="ascii") as file:
            file.write(password + "\n")
        database.sql(f"CREATE DATABASE hilera; CREATE USER hilera@'{client}' IDENTIFIED BY '{password}';"
                     f"GRANT SELECT, INSERT, UPDATE ON hilera.* TO hilera@'{client}'", database=None)

    def make_tables(self, order_audit=True):
        command = [self.binaries / "hileractl", "schema", "apply", "--socket", self.database.socket, "--user", "root"]
        if order_audit:
            command.append("--order-audit")
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise Failure("hileractl schema apply failed:\n" + done.stdout)

    def config(self, *, codec="native", connections=8, **sections):
        """A configuration of hilerad. `sections` replace or extend what is here; None takes an option away."""
        config = {
            "collector": "trial",
            "listeners": [{"name": "trial", "codec": codec, "address": "127.0.0.1", "port": 0}],
            "journal": {"directory": str(self.folder / "journal")},
            "database": {"socket": self.database.socket, "user": "hilera", "name": "hilera",
                         "password_file": str(self.folder / "db-password"), "connections": connections},
            "http": {"address": "127.0.0.1", "port": 0},
            "control": {"socket": str(self.folder / "control")},
        }
        for name, section in sections.items():
            if isinstance(section, dict):
                merged = {**config.get(name, {}), **section}
                config[name] = {key: value for key, value in merged.items() if value is not None}
            else:
                config[name] = section
        return config

    def start_hilerad(self, config=None, **options):
        return self.own(Hilerad(self.folder, self.binaries, config or self.config(), **options))

    def start(self, command, log):
        return self.own(Process(command, self.folder / log))

    def start_simulator(self, port, *, name="simulator", codec="native", log=True, **options):
        """Options are those of hilera-sim, with underscores; True stands for one without a value."""
        return self.own(Simulator(self.folder, self.binaries, port, name, codec, log, options))

    def lost_acked(self, *simulators):
        """How many acknowledged records are neither in `frame` nor in `dead_letter`."""
        unseen = {record for simulator in simulators for record in simulator.acked()}
        for table in ("frame", "dead_letter"):
            unseen.difference_update(
                tuple(row) for row in self.database.rows(f"SELECT nserie, frame_id, codec FROM {table}"))
        return len(unseen)

    def own(self, process):
        """A Process that ends with the trial."""
        self._stack.callback(process.kill)
        return process
