"""The database over TCP and TLS: nothing goes to a server that cannot prove who it is."""

import json
import subprocess
import unittest

from devices import STORED, Device, native_answer, native_frame
from support import SystemTest, eventually


class Tls(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        database = cls.start_database()
        database.stop()
        database.start("--tls")
        password = (cls.folder / "db-password").read_text(encoding="ascii").strip()
        cls.sql(f"CREATE USER hilera@'127.0.0.1' IDENTIFIED BY '{password}' REQUIRE SSL")
        cls.sql("GRANT SELECT, INSERT, UPDATE ON hilera.* TO hilera@'127.0.0.1'")
        # The folder of the server is closed to others, but its certificate is for everybody.
        cls.ca = cls.folder / "ca.pem"
        cls.ca.write_bytes((database.folder / "ca.pem").read_bytes())

    def start_with(self, tls):
        host = f"127.0.0.1:{self.trial.database.port}"
        return self.start_hilerad(database={"socket": None, "hosts": [host], **tls},
                                  pipeline={"store_deadline": "500ms"})

    def assert_stores(self, hilerad, serial):
        self.wait_until_ready(hilerad)
        with Device(hilerad.port) as device:
            self.assertEqual(device.ask(native_frame(serial, 1)), native_answer(serial, 1, STORED))
        self.assert_ends_well(hilerad)

    def assert_keeps_away(self, hilerad):
        eventually(lambda: hilerad.metrics()["db_errors_total"] > 0, "an attempt has failed")
        self.assertEqual(hilerad.metrics()["db_up"], 0)
        self.assertFalse(json.loads(hilerad.get("/status"))["database"]["healthy"])
        self.assert_ends_well(hilerad)

    def test_a_server_that_we_trust(self):
        self.assert_stores(self.start_with({"tls": {"ca": str(self.ca)}}), "trusted")

    def test_a_server_of_unknown_origin_is_refused(self):
        stranger = self.folder / "stranger.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "1", "-subj", "/CN=Stranger", "-keyout", "/dev/null", "-out", stranger],
                       check=True, stderr=subprocess.DEVNULL)
        self.assert_keeps_away(self.start_with({"tls": {"ca": str(stranger)}}))

    def test_a_server_of_unknown_origin_is_taken_if_that_is_wanted(self):
        self.assert_stores(self.start_with({"tls": {"verify": False}}), "unverified")

    def test_without_tls_a_server_that_wants_it_is_not_reached(self):
        self.assert_keeps_away(self.start_with({}))


if __name__ == "__main__":
    unittest.main()
