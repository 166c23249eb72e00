"""tools/private-mariadb keeps its word: what is committed survives a kill, and one server does not touch another."""

import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "private-mariadb"


class PrivateMariadb(unittest.TestCase):
    def setUp(self):
        # Below /tmp in any case: the server may run as another user, who must be able to reach the folder.
        self.folder = tempfile.TemporaryDirectory(prefix="hilera-test-", dir="/tmp")
        os.chmod(self.folder.name, 0o755)
        self.addCleanup(self.folder.cleanup)

    def tool(self, action, name, *arguments, check=True):
        folder = pathlib.Path(self.folder.name) / name
        done = subprocess.run(
            [TOOL, action, folder, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
        )
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def start(self, name, *arguments):
        self.addCleanup(self.tool, "stop", name)
        self.tool("start", name, *arguments)
        return self.environment(name)

    def environment(self, name):
        lines = (pathlib.Path(self.folder.name) / name / "env").read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def value(self, name, statement):
        return self.tool("sql", name, statement, "-N", "-B").stdout.strip()

    def test_committed_rows_survive_a_kill_and_the_port_stays(self):
        first = self.start("a", "--", "--max-connections=17")
        self.tool("sql", "a", "CREATE DATABASE d; CREATE TABLE d.t (n INT); INSERT INTO d.t VALUES (42)")
        self.tool("kill", "a")
        self.assertIn("no server runs", self.tool("sql", "a", "DO 0", check=False).stderr)
        self.tool("start", "a")
        again = self.environment("a")
        self.assertEqual((again["PORT"], again["SOCKET"]), (first["PORT"], first["SOCKET"]))
        self.assertNotEqual(again["PID"], first["PID"])
        self.assertEqual(self.value("a", "SELECT n FROM d.t"), "42")
        self.assertEqual(self.value("a", "SELECT @@max_connections"), "17")

    def test_two_servers_run_side_by_side(self):
        first, second = self.start("a"), self.start("b")
        self.assertNotEqual(first["PORT"], second["PORT"])
        self.tool("kill", "a")
        self.assertEqual(self.value("b", "SELECT 1"), "1")

    def test_root_cannot_come_in_over_tcp(self):
        port = self.start("a")["PORT"]
        done = subprocess.run(
            ["mariadb", "--no-defaults", "--host=127.0.0.1", f"--port={port}", "--user=root", "-e", "SELECT 1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
        )
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")

    def test_a_verified_tls_connection_is_possible(self):
        port = self.start("a", "--tls")["PORT"]
        self.tool("sql", "a", "CREATE USER u@'127.0.0.1' IDENTIFIED BY 'secret' REQUIRE SSL")
        done = subprocess.run(
            ["mariadb", "--no-defaults", "--host=127.0.0.1", f"--port={port}", "--user=u", "--password=secret",
             f"--ssl-ca={self.folder.name}/a/ca.pem", "--ssl-verify-server-cert", "-N", "-B",
             "-e", "SHOW STATUS LIKE 'Ssl_cipher'"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^Ssl_cipher\t\S+")

    def test_commits_are_synced(self):
        self.start("a")
        self.assertEqual(self.value("a", "SELECT @@innodb_flush_log_at_trx_commit"), "1")

    def test_a_start_that_fails_says_why(self):
        done = self.tool("start", "a", "--", "--no-such-option", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no-such-option", done.stderr)

    def test_a_running_server_is_not_started_twice(self):
        self.start("a")
        done = self.tool("start", "a", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("runs in", done.stderr)

    def test_a_folder_with_other_things_in_it_is_refused(self):
        other = pathlib.Path(self.folder.name) / "other"
        other.mkdir()
        (other / "letter.txt").write_text("dear reader", encoding="utf-8")
        done = self.tool("start", "other", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual([entry.name for entry in other.iterdir()], ["letter.txt"])

    def test_stop_is_content_when_nothing_runs(self):
        self.start("a")
        self.tool("stop", "a")
        self.tool("stop", "a")


if __name__ == "__main__":
    unittest.main()
