"""A real Prometheus reads a real hilerad; the alert rules and the dashboard speak of metrics that exist, and an alert is
raised when the database is gone. Needs the packages of tools/deps --with watch."""

import json
import pathlib
import re
import shutil
import socket
import subprocess
import unittest
import urllib.error
import urllib.parse
import urllib.request

import yaml

from devices import Device, native_frame
from support import ROOT, SystemTest, eventually

CONFIG = ROOT / "config"
DASHBOARD = json.loads((CONFIG / "grafana/hilera.json").read_text(encoding="utf-8"))
RULES = yaml.safe_load((CONFIG / "alerts.yml").read_text(encoding="utf-8"))
METRIC = re.compile(r"\bhilera_[a-z_]+\b")
VARIABLES = {"$__rate_interval": "5s", "$job": "hilera", "$instance": ".*", "$listener": ".*"}


def rules():
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def panels():
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def dashboard_expressions():
    """As Grafana asks them, its variables filled in."""
    expressions = [target["expr"] for panel in panels() for target in panel["targets"]]
    expressions += [each["expr"] for each in DASHBOARD["annotations"]["list"]]
    for name, value in VARIABLES.items():
        expressions = [each.replace(name, value) for each in expressions]
    return expressions


class Prometheus:
    """One that scrapes a daemon five times a second. Ends with the context."""

    def __init__(self, folder, target):
        self.folder = folder
        self.target = target

    def __enter__(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        quick = {"groups": [{**group, "rules": [{**rule, "for": "1s"} for rule in group["rules"]]}
                            for group in RULES["groups"]]}
        (self.folder / "alerts.yml").write_text(yaml.safe_dump(quick), encoding="utf-8")
        config = {"global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"},
                  "rule_files": ["alerts.yml"],
                  "scrape_configs": [{"job_name": "hilera", "static_configs": [{"targets": [self.target]}]}]}
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        with open(self.folder / "prometheus.log", "wb") as log:
            self.child = subprocess.Popen(
                ["prometheus", f"--config.file={self.folder / 'prometheus.yml'}",
                 f"--storage.tsdb.path={self.folder / 'data'}", f"--web.listen-address=127.0.0.1:{self.port}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually(self.ready, "Prometheus answers")
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait(30)

    def ready(self):
        try:
            return self.get("/-/ready")
        except urllib.error.URLError:
            return None

    def get(self, path, **query):
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read()

    def query(self, expression):
        """The values of an instant query."""
        result = json.loads(self.get("/api/v1/query", query=expression))["data"]["result"]
        return [float(sample["value"][1]) for sample in result]

    def firing(self):
        alerts = json.loads(self.get("/api/v1/alerts"))["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


class RulesAndDashboard(unittest.TestCase):
    def test_each_alert_says_how_bad_it_is_and_what_to_do(self):
        names = [rule["alert"] for rule in rules()]
        self.assertEqual(len(names), len(set(names)))
        for rule in rules():
            self.assertIn(rule["labels"]["severity"], ("critical", "warning"), rule["alert"])
            self.assertEqual(set(rule["annotations"]), {"summary", "action"}, rule["alert"])

    def test_each_alert_has_a_case_in_which_it_fires(self):
        cases = (CONFIG / "alerts_test.yml").read_text(encoding="utf-8")
        for rule in rules():
            self.assertIn(f'alertname="{rule["alert"]}"', cases)

    def test_panels_have_numbers_of_their_own_and_units(self):
        numbers = [panel["id"] for panel in DASHBOARD["panels"]]
        self.assertEqual(len(numbers), len(set(numbers)))
        for panel in panels():
            self.assertTrue(panel["fieldConfig"]["defaults"]["unit"], panel["title"])


@unittest.skipUnless(shutil.which("prometheus"), "there is no prometheus: tools/deps --with watch")
class Watched(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()
        cls.hilerad = cls.start_hilerad()

    def setUp(self):
        folder = pathlib.Path(self.folder) / self.id().rpartition(".")[2]
        folder.mkdir()
        self.prometheus = self.enterContext(Prometheus(folder, f"127.0.0.1:{self.hilerad.http_port}"))
        eventually(lambda: self.prometheus.query('up{job="hilera"}') == [1], "the daemon is scraped")

    def test_it_reads_what_the_daemon_has_counted(self):
        with Device(self.hilerad.port) as device:
            for sequence in range(1, 11):
                device.ask(native_frame("watched", sequence))
        for expression, value in (('hilera_datagrams_accepted_total{listener="trial"}', 10),
                                  ("hilera_records_stored_total", 10), ("hilera_db_up", 1), ("hilera_journal_up", 1),
                                  ("hilera_ack_seconds_count", 10)):
            eventually(lambda expression=expression, value=value: self.prometheus.query(expression) == [value],
                       f"{expression} is {value}")
        self.assertEqual(self.prometheus.firing(), set())

    def test_rules_and_dashboard_ask_for_what_there_is(self):
        there = set(METRIC.findall(self.hilerad.get("/metrics")))
        for expression in [rule["expr"] for rule in rules()] + dashboard_expressions():
            with self.subTest(expression):
                self.assertLessEqual(set(METRIC.findall(expression)), there)
                self.prometheus.query(expression)  # an error of the language is an HTTPError

    def test_the_rules_fire_when_they_should_and_only_then(self):
        done = subprocess.run(["promtool", "test", "rules", CONFIG / "alerts_test.yml"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_zz_an_alert_is_raised_when_the_database_is_gone(self):
        self.trial.database.kill()
        eventually(lambda: "HileraDatabaseAway" in self.prometheus.firing(), "the alert fires")
        self.assertNotIn("HileraNotDurable", self.prometheus.firing())


if __name__ == "__main__":
    unittest.main()
