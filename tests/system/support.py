"""What the tests of whole programs share: a folder, a private MariaDB, programs that end with the test, and waiting.

The programs are those of the folder HILERA_BIN, or of build/release. Nothing waits by sleeping for a guessed time: a
condition is polled until it holds or its time is over, which fails the test.
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import pymysql
import pymysql.cursors

import devices

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import trial  # noqa: E402

BINARIES = pathlib.Path(os.environ.get("HILERA_BIN", trial.BINARIES))
PATIENCE = 30.0  # seconds; for what takes a moment, on a machine that is busy


def eventually(condition, what, timeout=PATIENCE):
    """The first result of `condition` that is true; `what` is said when there is none in time."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:.0f} s: {what}")
        time.sleep(0.01)


def freeze(pid):
    """Stops a process, all of its threads, until thaw()."""
    os.kill(pid, signal.SIGSTOP)

    def stopped():
        tasks = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
        try:
            return all((task / "stat").read_text(encoding="utf-8").rpartition(") ")[2][0] == "T" for task in tasks)
        except FileNotFoundError:  # a thread has ended meanwhile
            return False
    eventually(stopped, f"process {pid} has stopped")


def thaw(pid):
    os.kill(pid, signal.SIGCONT)


def hileractl(*arguments, status=0):
    """Standard output of a hileractl that has to end with `status` (None: with any); its standard error when that is
    not 0."""
    done = subprocess.run([BINARIES / "hileractl", *map(str, arguments)], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=PATIENCE)
    if status is not None and done.returncode != status:
        raise AssertionError(f"hileractl {arguments} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stderr if status else done.stdout


class SystemTest(unittest.TestCase):
    """A class has a folder and, from start_database() on, a server; a test has its daemons, unless a class starts one
    for all of its tests."""

    @classmethod
    def setUpClass(cls):
        # Below /tmp in any case: the server may run as another user, who must be able to reach the folder.
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="hilera-test-", dir="/tmp")))
        os.chmod(cls.folder, 0o755)
        cls.trial = cls.enterClassContext(trial.Trial(cls.folder, BINARIES))
        cls.addClassCleanup(cls.close_sql)
        cls.daemons = []
        cls._sql = None

    def run(self, result=None):
        known = len(result.failures) + len(result.errors)
        of_the_class = len(self.daemons)
        super().run(result)
        if len(result.failures) + len(result.errors) > known:
            for daemon in self.daemons[-1:]:
                print(f"\n{self.id()}: {daemon.name}{daemon.log_tail(40)}", file=sys.stderr)
        while len(self.daemons) > of_the_class:
            self.daemons.pop().kill()

    @classmethod
    def start_database(cls, *options, **more):
        return cls.trial.start_database(options, **more)

    @classmethod
    def start_hilerad(cls, *, name="hilerad", environment=(), command=(), sockets=(), **sections):
        """Sections are those of the configuration, see trial.Trial.config()."""
        hilerad = cls.trial.start_hilerad(cls.trial.config(**sections), name=name, environment=environment,
                                          command=command, sockets=sockets)
        cls.daemons.append(hilerad)
        return hilerad

    @classmethod
    def close_sql(cls):
        if cls._sql:
            cls._sql.close()
        cls._sql = None

    @classmethod
    def sql(cls, statement, *values):
        """The rows of one statement, each column -> value. As root."""
        if not cls._sql:
            cls._sql = pymysql.connect(unix_socket=cls.trial.database.socket, user="root", database="hilera",
                                       autocommit=True, cursorclass=pymysql.cursors.DictCursor)
        with cls._sql.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    @classmethod
    def count(cls, table, condition="TRUE", *values):
        return cls.sql(f"SELECT COUNT(*) AS n FROM {table} WHERE {condition}", *values)[0]["n"]

    @staticmethod
    def wait_until_ready(hilerad):
        """And has seen that its database is, too."""
        eventually(lambda: hilerad.ask("/readyz") == (200, "ready\n"), "/readyz says that it is ready")
        eventually(lambda: hilerad.metrics()["db_up"] == 1, "the database is found")

    def assert_balanced(self, ledger):
        intake, store = ledger["intake"], ledger["store"]
        self.assertEqual(intake["received"], sum(intake.values()) - intake["received"], ledger)
        found = store["found_at_start"] + store["accepted"]
        self.assertEqual(found, sum(store.values()) - found, ledger)
        self.assertTrue(ledger["balanced"], ledger)

    def assert_ends_well(self, hilerad):
        """SIGTERM, status 0; returns the ledger that it wrote, which balances and has nothing left in it."""
        self.assertEqual(hilerad.terminate(), 0, hilerad.log_tail())
        ledger = hilerad.last_ledger()
        self.assert_balanced(ledger)
        self.assertEqual(ledger["intake"]["in_flight"], 0)
        self.assertEqual(ledger["store"]["pending"], 0)
        return ledger

    def assert_rows_match(self, ledger):
        """What the daemon says to have stored is what is there, when it was the only one to store."""
        self.assertEqual(ledger["store"]["stored"], self.count("frame"))
        self.assertEqual(ledger["store"]["dead_lettered"], self.count("dead_letter"))

    def order_violations(self):
        return self.trial.database.value(trial.ORDER_VIOLATIONS)


class OneDeviceTest(SystemTest):
    """A server, and for each test a daemon whose answers say what became of a record, and one device. The tables are
    empty at first."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def setUp(self):
        for table in ("frame", "dead_letter"):
            self.sql(f"DELETE FROM {table}")
        self.hilerad = self.start_hilerad(pipeline={"ack": "database"})
        self.device = self.enterContext(devices.Device(self.hilerad.port))

    def refuse_rows_of(self, serial):
        """From now on, until the test ends or takes the trigger `refuse` away."""
        self.sql("CREATE TRIGGER refuse BEFORE INSERT ON frame FOR EACH ROW IF NEW.nserie = %s THEN "
                 "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF", serial)
        self.addCleanup(self.sql, "DROP TRIGGER IF EXISTS refuse")
