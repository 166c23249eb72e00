"""The inputs that the fuzz targets of the codecs have learnt (tests/fuzz/corpus), sent to a daemon with a real MariaDB:
the server takes every row that comes of them, and the ledger balances."""

import pathlib
import unittest

from devices import Device
from support import SystemTest, eventually

CORPUS = pathlib.Path(__file__).parents[1] / "fuzz" / "corpus"
CODECS = ("collectd", "native", "semtech", "teltonika")


class Corpus(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def test_makes_no_row_that_the_database_refuses(self):
        hilerad = self.start_hilerad(pipeline={"max_in_flight_per_source": 1000}, listeners=[
            {"name": codec, "codec": codec, "address": "127.0.0.1", "port": 0, "store_raw": True} for codec in CODECS])
        sent = 0
        for codec in CODECS:
            with Device(hilerad.ports[codec]) as device:
                for path in sorted((CORPUS / codec).iterdir()):
                    device.send(path.read_bytes())
                    sent += 1

        def all_are_in():
            metrics = hilerad.metrics()
            return metrics["datagrams_received_total"] == sent and metrics["datagrams_in_flight"] == 0
        eventually(all_are_in, f"{sent} datagrams are received; {hilerad.metrics()}")

        ledger = self.assert_ends_well(hilerad)
        self.assert_rows_match(ledger)
        self.assertEqual(self.sql("SELECT codec, reason, error, HEX(raw) FROM dead_letter"), ())
        self.assertEqual(self.count("frame", "NOT JSON_VALID(fields)"), 0)
        codecs = {row["codec"] for row in self.sql("SELECT DISTINCT codec FROM frame")}
        self.assertEqual(codecs, set(CODECS), "some inputs of each codec are frames")


if __name__ == "__main__":
    unittest.main()
