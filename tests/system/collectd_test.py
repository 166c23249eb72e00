"""What the real collectd of Debian sends, signed and not, becomes what its own plugin csv writes beside: each value a
row, with the same name and time, and nothing else."""

import collections
import datetime
import hashlib
import hmac
import os
import pathlib
import re
import struct
import subprocess
import time
import unittest

from devices import Device, fields_of
from support import SystemTest, eventually

HOST = "dev-0001"
PASSWORD = "s3cr3t"
ROUNDS = 8  # of values, one a second

COLLECTD = pathlib.Path("/usr/sbin/collectd")
CONFIGURATION = """
Hostname "{host}"
FQDNLookup false
Interval 1
BaseDir "{folder}"
PIDFile "{folder}/pid"
TypesDB "/usr/share/collectd/types.db"
LoadPlugin logfile
<Plugin logfile>
  LogLevel notice
  File "{folder}/log"
  PrintSeverity true
</Plugin>
LoadPlugin contextswitch
LoadPlugin cpu
LoadPlugin interface
LoadPlugin load
LoadPlugin memory
LoadPlugin uptime
LoadPlugin vmem
LoadPlugin threshold
<Plugin threshold>
  <Plugin "load">
    <Type "load">
      FailureMax -1
    </Type>
  </Plugin>
</Plugin>
LoadPlugin csv
<Plugin csv>
  DataDir "{folder}/csv"
  StoreRates false
</Plugin>
LoadPlugin network
<Plugin network>
  <Server "127.0.0.1" "{port}">
{security}
  </Server>
  MaxPacketSize 1024
  ReportStats true
</Plugin>
"""
SIGNED = f"""    SecurityLevel "Sign"
    Username "{HOST}"
    Password "{PASSWORD}"
"""

# The two vectors of tests/ingest/collectd_vectors.h.
PUBLISHED = bytes.fromhex(
    "00000015746573742e6578616d706c652e636f6d000008000c14dc4c81831ef78b0009000c00000000400000000002000970696e67000004"
    "000970696e67000005001c70696e672d7461726765742e6578616d706c652e636f6d000006000f000101000000000000f87f")
PUBLISHED_SIGNED = bytes.fromhex(
    "0200002c9aed39582df6bf99f8a7167f9f37415b89bdfb117eda3cc1739a3f3c0f8f8ceb6465762d303030310000000d6465762d303030310000"
    "08000c1954fc40000000000009000c00000002800000000002000c73656e736f7273000004001074656d7065726174757265000006000f000101"
    "0000000000803540")
SIGNATURE_SIZE = 44


def signed(at, value):
    """One gauge of HOST, measured `at` seconds since 1970."""
    def part(kind, body):
        return struct.pack(">HH", kind, 4 + len(body)) + body
    payload = (part(0x0000, HOST.encode() + b"\0") + part(0x0001, struct.pack(">Q", at)) + part(0x0002, b"sensors\0") +
               part(0x0004, b"temperature\0") + part(0x0006, struct.pack(">HB", 1, 1) + struct.pack("<d", value)))
    mac = hmac.new(PASSWORD.encode(), HOST.encode() + payload, hashlib.sha256).digest()
    return part(0x0200, mac + HOST.encode()) + payload


def milliseconds(time):
    return round(time.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000)


def identifier(fields):
    """As csv names its files."""
    def with_instance(name):
        return "-".join(filter(None, (fields[name], fields.get(f"{name}_instance"))))
    return f"{with_instance('plugin')}/{with_instance('type')}"


def as_written(value, like):
    """A value of a row in the form in which csv wrote `like`: gauges have a point, or are no number."""
    if "nan" in like:
        return like if value is None else value
    return f"{value:.6f}" if "." in like else str(value)


def csv_values(folder):
    """identifier -> its lines by time, each (milliseconds, values as text)."""
    found = collections.defaultdict(list)
    for file in folder.glob("*/*"):
        name = f"{file.parent.name}/{re.sub('-[0-9]{4}-[0-9]{2}-[0-9]{2}$', '', file.name)}"
        for line in file.read_text(encoding="ascii").splitlines()[1:]:
            time, *values = line.split(",")
            found[name].append((round(float(time) * 1000), values))
    return {name: sorted(lines) for name, lines in found.items()}


class Collectd(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()
        keys = cls.folder / "passwords"
        with open(os.open(keys, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(f"# collectd's own form\n{HOST}: {PASSWORD}\n")
        cls.keys = str(keys)

    def setUp(self):
        for table in ("frame", "dead_letter", "device"):
            self.sql(f"DELETE FROM {table}")

    def start(self, **trust):
        listener = {"name": "metrics", "codec": "collectd", "address": "127.0.0.1", "port": 0, **trust}
        return self.start_hilerad(listeners=[listener])

    def run_collectd(self, hilerad, security):
        """Until it has written some rounds of values; what has not left by then leaves when it ends."""
        if not COLLECTD.exists():
            self.skipTest("there is no collectd: tools/deps --with test")
        folder = self.folder / self.id().rpartition(".")[2]
        folder.mkdir()
        configuration = folder / "conf"
        configuration.write_text(CONFIGURATION.format(host=HOST, folder=folder, port=hilerad.port, security=security),
                                 encoding="ascii")
        values = folder / "csv" / HOST
        with (open(folder / "output", "wb") as output,
              subprocess.Popen([COLLECTD, "-f", "-C", configuration], stdin=subprocess.DEVNULL, stdout=output,
                               stderr=output, env={**os.environ, "TZ": "UTC"}) as collectd):
            try:
                eventually(lambda: collectd.poll() is not None or
                           len(csv_values(values).get("load/load", [])) >= ROUNDS, "collectd has written its values")
                collectd.terminate()
                self.assertEqual(collectd.wait(20), 0, (folder / "log").read_text(encoding="utf-8"))
            finally:
                collectd.kill()
        return csv_values(values), (folder / "log").read_text(encoding="utf-8")

    def assert_rows_are(self, values, log, auth_level):
        rows = collections.defaultdict(list)
        notifications = []
        for row in self.sql("SELECT * FROM frame ORDER BY device_time"):
            fields = fields_of(row)
            self.assertEqual((row["nserie"], row["codec"], row["auth_level"]), (HOST, "collectd", auth_level))
            if "severity" in fields:
                notifications.append(fields)
            else:
                self.assertEqual(fields["interval"], 1)
                rows[identifier(fields)].append((milliseconds(row["device_time"]), fields["values"]))

        self.assertEqual(rows.keys(), values.keys())
        for name, lines in values.items():
            self.assertEqual(len(rows[name]), len(lines), name)
            for (row_time, row_values), (line_time, line_values) in zip(rows[name], lines):
                # csv rounds a double, which can make one of its own.
                self.assertAlmostEqual(row_time, line_time, delta=1, msg=name)
                written = [as_written(value, like) for value, like in zip(row_values, line_values, strict=True)]
                self.assertEqual(written, line_values, f"{name} at {line_time}")

        said = re.findall(r"Notification: severity = (\w+).*, message = (.*)", log)
        self.assertEqual([(each["severity"].upper(), each["message"]) for each in notifications], said)
        self.assertTrue(said)
        self.assertTrue({"load", "cpu", "memory", "network"} <= {name.split("/")[0].split("-")[0] for name in values})

    def assert_stored_what_collectd_wrote(self, hilerad, security, auth_level):
        values, log = self.run_collectd(hilerad, security)
        ledger = self.assert_ends_well(hilerad)
        self.assertEqual(ledger["intake"]["received"], ledger["intake"]["accepted"], ledger)
        self.assertEqual(ledger["store"]["stored"], ledger["store"]["accepted"], ledger)
        self.assert_rows_match(ledger)
        self.assert_rows_are(values, log, auth_level)

    def test_what_collectd_sends_is_what_its_plugin_csv_writes(self):
        self.assert_stored_what_collectd_wrote(self.start(), "", auth_level=0)

    def test_so_is_what_it_signs(self):
        hilerad = self.start(auth="required", keys_file=self.keys)
        self.assert_stored_what_collectd_wrote(hilerad, SIGNED, auth_level=2)

    def test_only_the_password_of_a_host_writes_for_it_and_only_once(self):
        hilerad = self.start(auth="required", keys_file=self.keys)
        forged = PUBLISHED_SIGNED[:-1] + b"\x41"
        with Device(hilerad.port) as device:
            for datagram in (PUBLISHED_SIGNED, PUBLISHED_SIGNED, forged, PUBLISHED_SIGNED[SIGNATURE_SIZE:], PUBLISHED,
                             PUBLISHED_SIGNED.replace(b"\x0ddev-0001", b"\x0ddev-0002"), PUBLISHED_SIGNED[:-1]):
                device.send(datagram)
            eventually(lambda: hilerad.metrics()["datagrams_received_total"] == 7, "all of it has arrived")
            eventually(lambda: hilerad.metrics()["records_duplicate_total"] == 1, "the repetition is found")
            self.assertEqual(hilerad.by_label("datagrams_rejected_total", "reason"),
                             {"bad_tag": 1, "unauthenticated": 2, "user_not_host": 1, "part_overrun": 1})
            self.assertFalse(device.has_mail())
        self.assert_rows_match(self.assert_ends_well(hilerad))
        row, = self.sql("SELECT * FROM frame")
        self.assertEqual((row["nserie"], row["auth_level"]), (HOST, 2))
        self.assertEqual(row["device_time"], datetime.datetime(2023, 11, 14, 22, 13, 20))
        self.assertEqual(row["fields"], '{"plugin":"sensors","type":"temperature","interval":10,"values":[21.5]}')

    def test_what_a_host_has_signed_is_stored_once_also_when_its_rows_are_gone(self):
        trust = {"auth": "required", "keys_file": self.keys}
        hilerad = self.start(**trust)
        now = int(time.time())
        datagrams = [signed(now - age, age) for age in (7300, 7290, 0)]

        def send(datagram, outcome):
            before = outcome()
            with Device(hilerad.port) as device:
                device.send(datagram)
                eventually(lambda: outcome() == before + 1, "it has its outcome")

        def count(name):
            return lambda: hilerad.metrics()[name]

        def refused():
            return hilerad.by_label("datagrams_rejected_total", "reason").get("replayed", 0)

        for datagram in datagrams:
            send(datagram, count("records_stored_total"))
        self.sql("DELETE FROM frame")
        send(datagrams[0], refused)
        send(datagrams[1], refused)
        send(datagrams[2], count("records_duplicate_total"))
        self.assert_ends_well(hilerad)

        hilerad = self.start(**trust)
        send(datagrams[1], count("records_dead_lettered_total"))
        send(datagrams[0], refused)
        send(signed(now + 1, 1), count("records_stored_total"))
        self.assert_ends_well(hilerad)
        self.assertEqual([fields_of(row)["values"] for row in self.sql("SELECT * FROM frame")], [[1]])
        self.assertEqual([row["reason"] for row in self.sql("SELECT reason FROM dead_letter")], ["replayed"])


if __name__ == "__main__":
    unittest.main()
