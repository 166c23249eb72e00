"""config/purge.sql, run as its unit runs it and under the account of docs/operations.md: what is old goes, what must
stay stays, and those who store meanwhile are not held up."""

import re
import subprocess
import time
import unittest

from support import PATIENCE, ROOT, SystemTest, eventually

DAY = 86_400_000_000  # microseconds
UNIT = ROOT / "systemd/hilera-purge.service"
SCRIPT = ROOT / "config/purge.sql"
DOCUMENT = (ROOT / "docs/operations.md").read_text("utf-8")


def block(language, word):
    """The block of code of the document that has this word; its passwords and the socket are for the caller to set."""
    found, = (text for each, text in re.findall(r"(?ms)^```(\w+)\n(.*?)^```$", DOCUMENT)
              if each == language and word in text)
    return found


class Purge(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()
        cls.trial.database.sql(block("sql", "hilera_purge").replace("'...'", "'secret'"))
        cls.today = time.time_ns() // 1000

    def setUp(self):
        for table in ("frame", "downlink", "dead_letter", "device"):
            self.sql(f"DELETE FROM {table}")

    def write_options(self, init_command):
        text = block("ini", "hilera_purge").replace("...", "secret")
        text = re.sub("socket=.*", f"socket={self.trial.database.socket}", text)
        (self.folder / "purge.cnf").write_text(re.sub("init-command=.*", f"init-command={init_command}", text), "utf-8")

    def purge(self, init_command="SET @frame_days = 30", status=0):
        """What the client of the unit prints."""
        self.write_options(init_command)
        # Not configparser: systemd allows a key twice.
        service = dict(re.findall(r"(?m)^(\w+)=(.+)$", UNIT.read_text("utf-8")))
        self.assertEqual(service["StandardInput"], "file:/usr/share/hilera/purge.sql")
        command = service["ExecStart"].replace("${CREDENTIALS_DIRECTORY}", str(self.folder)).split()
        with open(SCRIPT, "rb") as script:
            done = subprocess.run(command, stdin=script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  check=False, timeout=PATIENCE)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def add_frames(self, nserie, ages, *, first_id=1, codec="native"):
        """A row for each age in days, in this order of their keys."""
        rows = [f"('{nserie}', {first_id + i}, '{codec}', {self.today - int(age * DAY) + i}, 'trial', 'digest01', "
                "'trial', 0, '{}')" for i, age in enumerate(ages)]
        for i in range(0, len(rows), 1000):
            self.sql("INSERT INTO frame (nserie, frame_id, codec, arrival, collector, digest, listener, auth_level, "
                     "fields) VALUES " + ", ".join(rows[i:i + 1000]))

    def add_downlink(self, state, days, **columns):
        columns = {"nserie": "'A'", "payload": "'x'", "state": f"'{state}'",
                   "created_at": f"UTC_TIMESTAMP(6) - INTERVAL {days} DAY",
                   "not_before": f"UTC_TIMESTAMP(6) - INTERVAL {days} DAY", **columns}
        self.sql(f"INSERT INTO downlink ({', '.join(columns)}) VALUES ({', '.join(columns.values())})")

    def add_dead_letter(self, number, days_since_replay):
        replayed = "NULL" if days_since_replay is None else f"UTC_TIMESTAMP(6) - INTERVAL {days_since_replay} DAY"
        self.sql("INSERT INTO dead_letter (arrival, dead_at, replayed_at, reason, listener, collector, codec, nserie, "
                 f"frame_id, digest, auth_level) VALUES (1, '2020-01-01', {replayed}, 'conflict', 'trial', 'trial', "
                 f"'native', 'A', {number}, 'digest01', 0)")

    def test_frames_go_by_their_arrival(self):
        self.add_frames("A", [31, 30.01, 29.99, 1, 0])
        self.add_frames("B", [0])
        self.add_frames("C", [400])
        self.purge()
        left = self.sql("SELECT nserie, frame_id FROM frame ORDER BY nserie, frame_id")
        self.assertEqual([(row["nserie"], row["frame_id"]) for row in left], [("A", 3), ("A", 4), ("A", 5), ("B", 1)])

    def test_many_rows_of_a_device_and_of_codecs_with_the_same_keys(self):
        self.add_frames("A", [40] * 2500 + [0] * 1200)
        self.add_frames("A", [40] * 2500, codec="teltonika")
        output = self.purge()
        self.assertRegex(output, r"\|\s*5000 \|")
        self.assertEqual(self.count("frame"), 1200)
        self.assertEqual(self.count("frame", "codec = 'native' AND frame_id > 2500"), 1200)

    def test_young_rows_of_one_kind_of_keys_hide_no_old_ones_of_another(self):
        """As when a fleet begins to prove itself: its epochs stand before the times that were its keys until then."""
        count, time, time_epoch = 7 << 32, 1_780_000_000_000 << 20, 1_780_000_000 << 32
        for nserie, young, old in (("A", count, time), ("B", time, time_epoch), ("C", count, time_epoch)):
            self.add_frames(nserie, [0] * 1500, first_id=young)
            self.add_frames(nserie, [40] * 1200 + [0] * 10, first_id=old)
        self.purge()
        self.assertEqual(self.count("frame", "arrival < %s", self.today - 30 * DAY), 0)
        self.assertEqual(self.count("frame"), 3 * 1510)

    def test_rows_without_a_clock_have_no_order_and_are_all_looked_at(self):
        self.add_frames("A", [0] * 2000)
        self.add_frames("A", [0] * 1500 + [40] + [0] * 1500 + [40], first_id=1 << 63)
        self.purge()
        self.assertEqual(self.count("frame", "arrival < %s", self.today - 30 * DAY), 0)
        self.assertEqual(self.count("frame"), 5000)

    def test_an_old_row_behind_many_young_ones_goes_when_all_are_looked_at(self):
        self.add_frames("A", [0] * 2000 + [40])
        self.purge()
        self.assertEqual(self.count("frame"), 2001)
        self.purge("SET @frame_days = 30, @purge_all = TRUE")
        self.assertEqual(self.count("frame"), 2000)

    def test_downlinks_that_have_not_ended_stay(self):
        for state in ("queued", "delivered", "expired", "failed", "cancelled"):
            self.add_downlink(state, 40)
            self.add_downlink(state, 1)
        self.add_downlink("sent", 40, sent_at="created_at", retry_at="UTC_TIMESTAMP(6) - INTERVAL 39 DAY")
        self.add_downlink("sent", 40, sent_at="created_at")
        self.add_downlink("delivered", 40, delivered_at="UTC_TIMESTAMP(6)")
        self.purge()
        left = self.sql("SELECT state, COUNT(*) AS n FROM downlink GROUP BY state")
        self.assertEqual({row["state"]: row["n"] for row in left},
                         {"queued": 2, "sent": 1, "delivered": 2, "expired": 1, "failed": 1, "cancelled": 1})

    def test_dead_letters_that_nobody_has_put_back_stay(self):
        for number, age in enumerate([None, 40, 1]):
            self.add_dead_letter(number, age)
        self.purge()
        self.assertEqual([row["frame_id"] for row in self.sql("SELECT frame_id FROM dead_letter ORDER BY id")], [0, 2])

    def test_each_table_may_have_a_time_of_its_own(self):
        self.add_frames("A", [40])
        self.add_downlink("failed", 40)
        self.add_dead_letter(1, 40)
        self.purge("SET @frame_days = 365, @downlink_days = 7")
        self.assertEqual([self.count(table) for table in ("frame", "downlink", "dead_letter")], [1, 0, 1])

    def test_without_a_time_nothing_goes(self):
        self.add_frames("A", [4000])
        for command in ("SET @frame_days = NULL", "SET @frame_days = 0", "SET @frame_days = -5"):
            self.assertIn("set @frame_days", self.purge(command, status=1))
        self.assertEqual(self.count("frame"), 1)

    def test_two_do_not_work_at_once(self):
        self.add_frames("A", [4000])
        self.assertEqual(self.sql("SELECT GET_LOCK('hilera_purge', 0) AS mine")[0]["mine"], 1)
        self.addCleanup(self.sql, "DO RELEASE_LOCK('hilera_purge')")
        self.assertIn("another purge", self.purge(status=1))
        self.assertEqual(self.count("frame"), 1)

    def test_its_account_may_do_nothing_else(self):
        self.write_options("SET @frame_days = 30")
        for statement in ("SELECT 1 FROM device", "DELETE FROM device", "DELETE FROM schema_version",
                          "UPDATE frame SET arrival = 0"):
            done = subprocess.run(["mariadb", f"--defaults-file={self.folder}/purge.cnf", "hilera", "-e", statement],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            self.assertNotEqual(done.returncode, 0, statement)
            self.assertIn("denied", done.stdout, statement)

    def test_a_collector_stores_meanwhile(self):
        """Into the same devices: what is old goes, what comes is acknowledged and stored, and no batch fails."""
        serials = [f"sim-{number:06}" for number in range(1, 21)]
        for serial in serials:
            self.add_frames(serial, [40] * 3000)
        hilerad = self.start_hilerad()
        simulator = self.trial.start_simulator(hilerad.port, devices=20, rate=2000, seconds=600, quiet=True)
        eventually(lambda: hilerad.metrics()["records_stored_total"], "frames are stored")
        self.assertRegex(self.purge(), r"\|\s*60000 \|")
        self.assertTrue(simulator.running(), "the purge took place under load")
        self.assertEqual(simulator.terminate(), 0)
        self.assertEqual(self.trial.lost_acked(simulator), 0)
        self.assertEqual(sum(hilerad.by_label("db_errors_total", "class").values()), 0)
        ledger = self.assert_ends_well(hilerad)
        self.assertEqual(self.count("frame"), ledger["store"]["stored"])
        self.assertEqual(self.count("frame", f"nserie NOT IN ({', '.join(map(repr, serials))})"), 0, "the same devices")


if __name__ == "__main__":
    unittest.main()
