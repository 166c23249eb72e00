"""The programs at the command line: what they print, what they refuse, and with which status."""

import json
import os
import re
import socket
import subprocess
import unittest

from support import BINARIES, PATIENCE, ROOT, SystemTest, hileractl

OK, FAILURE, USAGE, UNAVAILABLE, CONFIG = 0, 1, 64, 69, 78

GOOD = """listeners:
  - {name: native, codec: native, address: 127.0.0.1, port: 5600}
database:
  socket: /tmp/none.sock
"""

# Wrong configuration, the line at fault, the key, and what was expected.
WRONG = {
    "an unknown key": ("pipline: {ack: database}\n" + GOOD, 1, "pipline", "unknown key; expected one of"),
    "an unknown key further down": (GOOD + "  pasword_file: /x\n", 5, "database.pasword_file", "unknown key"),
    "a missing unit": (GOOD + "drain: {timeout: 30}\n", 5, "drain.timeout", "a duration with its unit"),
    "a wrong unit": (GOOD + "pipeline: {store_deadline: 10MiB}\n", 5, "pipeline.store_deadline",
                     "a duration with its unit, from 100ms to 10min"),
    "too small": (GOOD + "transmit: {poll_interval: 1ms}\n", 5, "transmit.poll_interval", "from 10ms"),
    "too large": (GOOD + "  connections: 1000\n", 5, "database.connections", "a whole number from 1 to 256"),
    "no number": (GOOD + "http: {port: www}\n", 5, "http.port", "a whole number from 0 to 65535"),
    "no such codec": (GOOD.replace("codec: native", "codec: morse"), 2, "listeners[0].codec", "native, semtech, teltonika"),
    "no address": (GOOD.replace("127.0.0.1", "localhost"), 2, "listeners[0].address", "an IPv4 or IPv6 address"),
    "a key given twice": (GOOD + "log: {level: info}\nlog: {level: debug}\n", 6, "log", "given twice"),
    "nothing to connect to": (GOOD.replace("  socket: /tmp/none.sock", "  name: hilera"), 3, "database",
                              "either `hosts` or `socket`"),
    "no YAML": ("listeners: [\n", None, "", "not valid YAML"),
}


def run(program, *arguments, **environment):
    return subprocess.run([BINARIES / program, *map(str, arguments)], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=PATIENCE,
                          env={**os.environ, **environment})


class Configuration(SystemTest):
    def write(self, text):
        file = self.folder / "test.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    def test_every_program_tells_its_version(self):
        for program in ("hilerad", "hileractl", "hilera-sim"):
            done = run(program, "--version")
            self.assertEqual((done.returncode, done.stderr), (OK, ""))
            self.assertRegex(done.stdout, rf"^{program} \d+\.\d+\.\d+\n$")

    def test_an_unknown_option_is_wrong_usage(self):
        for program, status, *arguments in (("hilerad", USAGE), ("hileractl", USAGE, "status"),
                                            ("hilera-sim", 2, "--target", "127.0.0.1:9", "--frames", "1")):
            done = run(program, *arguments, "--no-such-option")
            self.assertEqual(done.returncode, status, program)
            self.assertIn("--no-such-option", done.stderr)

    def test_a_good_configuration_is_good(self):
        done = run("hilerad", "--check-config", "--config", self.write(GOOD))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (OK, "", ""))

    def test_the_reference_configuration_is_good_and_up_to_date(self):
        reference = run("hilerad", "--reference-config").stdout
        self.assertEqual(run("hilerad", "--check-config", "--config", self.write(reference)).returncode, OK)
        self.assertEqual(reference, (ROOT / "config" / "hilera.yaml").read_text(encoding="utf-8"))

    def test_a_wrong_configuration_names_file_line_key_and_what_was_expected(self):
        for name, (text, line, key, expected) in WRONG.items():
            file = self.write(text)
            for arguments in (["--check-config"], ["--print-config"], []):
                with self.subTest(name, arguments=arguments):
                    done = run("hilerad", *arguments, "--config", file)
                    self.assertEqual((done.returncode, done.stdout), (CONFIG, ""), done.stderr)
                    where = rf"^{re.escape(str(file))}:{line or r'[0-9]+'}: {re.escape(key)}"
                    self.assertRegex(done.stderr, where)
                    self.assertIn(expected, done.stderr)

    def test_all_that_is_wrong_is_told_at_once(self):
        text = GOOD + "drain: {timeout: soon}\nlog: {level: loud}\nnonsense: 1\n"
        done = run("hilerad", "--check-config", "--config", self.write(text))
        self.assertEqual(done.returncode, CONFIG)
        lines = done.stderr.splitlines()
        self.assertEqual([int(line.split(":")[1]) for line in lines], [5, 6, 7])
        for line, key in zip(lines, ("drain.timeout", "log.level", "nonsense")):
            self.assertIn(f" {key}: ", line)

    def test_a_file_that_is_not_there(self):
        done = run("hilerad", "--config", self.folder / "none.yaml")
        self.assertEqual(done.returncode, CONFIG)
        self.assertIn("none.yaml: cannot be read: No such file", done.stderr)

    def test_what_is_printed_reads_back_as_the_same(self):
        text = GOOD + "  password_file: /etc/hilera/secret\npipeline: {store_deadline: 90s, max_in_flight: 5000}\n"
        printed = run("hilerad", "--print-config", "--config", self.write(text))
        self.assertEqual(printed.returncode, OK, printed.stderr)
        self.assertRegex(printed.stdout, r"store_deadline: (90s|1min 30s)")
        again = run("hilerad", "--print-config", "--config", self.write(printed.stdout))
        self.assertEqual((again.returncode, again.stdout), (OK, printed.stdout), again.stderr)

    def test_a_password_file_that_cannot_be_read_stops_the_start(self):
        file = self.write(GOOD.replace("5600", "0") + "  password_file: /nowhere/password\nhttp: {port: 0}\n"
                          f"control: {{socket: {self.folder}/control}}\n")
        for check in ([], ["--check-config"]):
            done = run("hilerad", *check, "--config", file)
            self.assertEqual(done.returncode, CONFIG, done.stderr)
            self.assertIn("/nowhere/password", done.stderr)

    def test_a_password_that_only_systemd_can_show_is_checked_where_it_does(self):
        file = self.write(GOOD + "  password_file: credential:db-password\n")
        self.assertEqual(run("hilerad", "--check-config", "--config", file).returncode, OK)
        (self.folder / "db-password").write_text("", encoding="utf-8")
        done = run("hilerad", "--check-config", "--config", file, CREDENTIALS_DIRECTORY=str(self.folder))
        self.assertEqual(done.returncode, CONFIG)
        self.assertIn("its first line is empty", done.stderr)


class Running(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def start_in_vain(self, **sections):
        """A second hilerad that has to end with status 1; what it wrote."""
        config = self.folder / "vain.yaml"
        config.write_text(json.dumps(self.trial.config(**sections)), encoding="utf-8")
        done = run("hilerad", "--config", config)
        self.assertEqual(done.returncode, FAILURE, done.stderr)
        return done.stderr

    def test_a_port_in_use_is_named(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            listener = {"name": "busy", "codec": "native", "address": "127.0.0.1", "port": port}
            message = self.start_in_vain(listeners=[listener])
            self.assertRegex(message, rf"listener busy at 127\.0\.0\.1:{port}: .*[Aa]ddress already in use")

    def test_an_http_port_in_use_is_named(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            message = self.start_in_vain(http={"port": port})
            self.assertRegex(message, rf"http.*127\.0\.0\.1:{port}.*[Aa]ddress already in use")

    def test_an_address_of_another_host_is_named(self):
        listener = {"name": "far", "codec": "native", "address": "192.0.2.1", "port": 0}
        self.assertRegex(self.start_in_vain(listeners=[listener]), r"listener far at 192\.0\.2\.1:0: ")

    def test_a_control_socket_in_use_is_refused_and_left_alone(self):
        hilerad = self.start_hilerad()
        self.assertIn(hilerad.control, self.start_in_vain(journal={"directory": str(self.folder / "another")}))
        self.assertTrue(json.loads(hileractl("--control", hilerad.control, "--json", "status"))["ledger"]["balanced"])
        self.assert_ends_well(hilerad)

    def test_a_journal_in_use_is_refused_and_left_alone(self):
        hilerad = self.start_hilerad()
        message = self.start_in_vain(control={"socket": str(self.folder / "another")})
        self.assertRegex(message, r"journal: in use by another process")
        self.assert_ends_well(hilerad)

    def test_a_control_socket_that_a_crash_left_is_replaced(self):
        hilerad = self.start_hilerad()
        hilerad.child.kill()
        hilerad.child.wait()
        self.assertTrue(os.path.exists(hilerad.control))
        again = self.start_hilerad()
        hileractl("--control", again.control, "healthz")
        self.assert_ends_well(again)
        self.assertFalse(os.path.exists(again.control))

    def test_a_file_in_place_of_the_control_socket_is_not_touched(self):
        file = self.folder / "letter"
        file.write_text("dear reader", encoding="utf-8")
        self.assertIn("is no socket", self.start_in_vain(control={"socket": str(file)}))
        self.assertEqual(file.read_text(encoding="utf-8"), "dear reader")

    def test_nobody_at_the_control_socket(self):
        for command in (["status"], ["healthz"], ["downlink", "list"]):
            message = hileractl("--control", self.folder / "nobody", *command, status=UNAVAILABLE)
            self.assertIn(str(self.folder / "nobody"), message)

    def test_only_owner_and_group_may_use_the_control_socket(self):
        hilerad = self.start_hilerad()
        self.assertEqual(os.stat(hilerad.control).st_mode & 0o777, 0o660)
        self.assert_ends_well(hilerad)

    def test_status_for_people_and_for_programs(self):
        hilerad = self.start_hilerad()
        # Which of the two comes first is a race: the daemon is up before it has seen its database.
        self.wait_until_ready(hilerad)
        text = hileractl("--config", hilerad.config, "status")
        self.assertIn("all is well", text)
        self.assertIn(f"127.0.0.1:{hilerad.port}", text)
        document = json.loads(hileractl("--control", hilerad.control, "--json", "status"))
        self.assertTrue(document["ready"])
        self.assertEqual(document["collector"], "trial")
        self.assertEqual(document.keys(), json.loads(hilerad.get("/status")).keys())
        self.assert_ends_well(hilerad)

    def test_status_of_a_daemon_in_need(self):
        self.trial.database.stop()
        self.addCleanup(self.trial.database.start)
        hilerad = self.start_hilerad()
        done = run("hileractl", "--control", hilerad.control, "status")
        self.assertEqual(done.returncode, FAILURE)
        self.assertIn("PROBLEM: database:", done.stdout)
        self.assertEqual(hileractl("--control", hilerad.control, "healthz"), "ok\n")
        self.assert_ends_well(hilerad)

    def test_the_schema_is_applied_once_and_can_be_applied_again(self):
        arguments = ["--json", "schema", "apply", "--socket", self.trial.database.socket, "--user", "root"]
        self.assertEqual(hileractl(*arguments), hileractl(*arguments))

    def test_the_schema_of_a_server_that_is_not_there(self):
        message = hileractl("schema", "apply", "--socket", self.folder / "none.sock", "--user", "root", status=FAILURE)
        self.assertIn("none.sock", message)


if __name__ == "__main__":
    unittest.main()
