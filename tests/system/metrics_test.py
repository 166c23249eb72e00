"""What Prometheus reads: every family is there, in the right form, and says nothing of single devices; and the web
server is in nobody's power."""

import http.client
import shutil
import socket
import subprocess
import unittest

from devices import CODEC_8, Device, native_frame
from support import SystemTest, hileractl

# Of the list in the design; those of the journal and of batches come with them.
FAMILIES = {
    "datagrams_received_total": ("counter", {"listener"}),
    "datagrams_accepted_total": ("counter", {"listener"}),
    "datagrams_control_total": ("counter", {"listener"}),
    "datagrams_rejected_total": ("counter", {"listener", "reason"}),
    "datagrams_dropped_total": ("counter", {"reason"}),
    "datagrams_in_flight": ("gauge", set()),
    "records_accepted_total": ("counter", set()),
    "records_stored_total": ("counter", set()),
    "records_duplicate_total": ("counter", set()),
    "records_dead_lettered_total": ("counter", set()),
    "records_quarantined_total": ("counter", set()),
    "records_pending": ("gauge", set()),
    "journal_bytes": ("gauge", set()),
    "journal_max_bytes": ("gauge", set()),
    "kernel_drops_total": ("counter", {"listener"}),
    "acks_sent_total": ("counter", {"listener"}),
    "ack_seconds": ("histogram", set()),
    "store_seconds": ("histogram", set()),
    "db_connections": ("gauge", {"state"}),
    "db_errors_total": ("counter", {"class"}),
    "dead_letters_replayed_total": ("counter", {"outcome"}),
    "downlink_total": ("counter", {"state"}),
    "greenlets": ("gauge", set()),
    "hub_lag_seconds": ("histogram", set()),
    "stack_high_water_bytes": ("gauge", set()),
}
LABELS = {"listener", "reason", "kind", "state", "outcome", "class", "status", "version", "le"}


class Metrics(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()
        cls.hilerad = cls.start_hilerad(http={"request_timeout": "60s"}, listeners=[
            {"name": "native", "codec": "native", "address": "127.0.0.1", "port": 0},
            {"name": "trackers", "codec": "teltonika", "address": "127.0.0.1", "port": 0}])
        with Device(cls.hilerad.ports["native"]) as device:
            device.ask(native_frame("SERIAL-4711", 1))
            device.ask(native_frame("SERIAL-4711", 1))
            device.send(b"nonsense")
        with Device(cls.hilerad.ports["trackers"]) as tracker:
            tracker.ask(CODEC_8)
        hileractl("--control", cls.hilerad.control, "downlink", "add", "SERIAL-4711", "--text", "x")
        cls.samples = list(cls.hilerad.samples())

    def value(self, name, **labels):
        value, = (value for each, its_labels, value in self.samples if each == name and its_labels == labels)
        return value

    def request(self, path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.hilerad.http_port, timeout=10)
        self.addCleanup(connection.close)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read().decode("utf-8")

    def test_every_family_is_there_with_its_type_and_its_labels(self):
        text = self.hilerad.get("/metrics")
        for name, (kind, labels) in FAMILIES.items():
            with self.subTest(name):
                self.assertIn(f"# TYPE hilera_{name} {kind}\n", text)
                self.assertRegex(text, rf"# HELP hilera_{name} \S.*\.\n")
                sample = f"{name}_count" if kind == "histogram" else name
                found = [set(each) for each_name, each, _ in self.hilerad.samples() if each_name == sample]
                self.assertTrue(found)
                self.assertTrue(all(each == labels for each in found), found)

    def test_no_label_says_which_device(self):
        text = self.hilerad.get("/metrics")
        self.assertNotIn("SERIAL-4711", text)
        self.assertNotIn("352093086403655", text)
        self.assertLessEqual({label for _, labels, _ in self.hilerad.samples() for label in labels}, LABELS)

    def test_the_figures_are_those_of_what_happened(self):
        self.assertEqual(self.value("records_accepted_total"), 3)
        self.assertEqual(self.value("records_stored_total"), 2)
        self.assertEqual(self.value("records_duplicate_total"), 1)
        self.assertEqual(self.value("ack_seconds_count"), 3)
        self.assertEqual(self.value("datagrams_received_total", listener="native"), 3)
        self.assertEqual(self.value("datagrams_rejected_total", listener="native", reason="bad_magic"), 1)
        self.assertEqual(self.value("acks_sent_total", listener="trackers"), 1)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_promtool_finds_nothing_to_say(self):
        checked = subprocess.run(["promtool", "check", "metrics"], input=self.hilerad.get("/metrics"), text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=30)
        self.assertEqual((checked.returncode, checked.stdout), (0, ""))

    def test_the_answer_says_what_it_is(self):
        answer, _ = self.request("/metrics")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.getheader("Content-Type"), "text/plain; version=0.0.4; charset=utf-8")
        answer, _ = self.request("/status")
        self.assertEqual(answer.getheader("Content-Type"), "application/json")

    def test_a_host_that_we_are_not_is_refused(self):
        for host in ("evil.example", "evil.example:9850", "127.0.0.1.evil.example", "10.0.0.1"):
            answer, text = self.request("/status", Host=host)
            self.assertEqual(answer.status, 421, host)
            self.assertNotIn("collector", text)
        for host in ("localhost", "127.0.0.1", "127.0.0.1:1234", "[::1]"):
            self.assertEqual(self.request("/status", Host=host)[0].status, 200, host)

    def test_it_only_reads(self):
        for method in ("POST", "PUT", "DELETE"):
            answer, _ = self.request("/status", method=method)
            self.assertEqual((answer.status, answer.getheader("Allow")), (405, "GET, HEAD"))
        answer, text = self.request("/metrics", method="HEAD")
        self.assertEqual((answer.status, text), (200, ""))
        self.assertEqual(self.request("/no/such/page")[0].status, 404)

    def test_slow_clients_do_not_hold_others_up(self):
        slow = [socket.create_connection(("127.0.0.1", self.hilerad.http_port)) for _ in range(6)]
        for client in slow:
            self.addCleanup(client.close)
            client.send(b"GET /metrics HTTP/1.1\r\nHo")
        self.assertEqual(self.request("/healthz")[0].status, 200)
        with Device(self.hilerad.ports["native"]) as device:
            device.ask(native_frame("SERIAL-4712", 1))


if __name__ == "__main__":
    unittest.main()
