"""A database that is not there, or is not ready for Hilera, stops nothing: the daemon starts, receives, says what is
wrong, keeps what it acknowledges in its journal, and stores it as soon as the cause is gone."""

import itertools
import json
import unittest

from devices import STORED, Device, native_answer, native_frame
from support import SystemTest, eventually

numbers = itertools.count()


class DatabaseDown(SystemTest):
    # Each test has a server of its own.

    def setUp(self):
        self.name = f"db{next(numbers)}"

    def tearDown(self):
        self.close_sql()
        self.trial.database.stop()

    def wait_for_problem(self, hilerad, *words):
        """/status says it with these words; datagrams are received and made durable all the same."""
        def problems():
            return "; ".join(json.loads(hilerad.get("/status"))["problems"])
        eventually(lambda: all(word in problems() for word in words), f"/status says {words}")
        self.assertEqual(hilerad.ask("/healthz"), (200, "ok\n"))
        self.assertEqual(hilerad.ask("/readyz"), (200, "ready\n"))

    def assert_advises(self, hilerad, words):
        self.assertIn(words, json.loads(hilerad.get("/status"))["findings"][0]["advice"])

    def assert_takes(self, hilerad, device, serial):
        """A frame is acknowledged from the journal while the database is of no use."""
        self.assertEqual(device.ask(native_frame(serial, 1)), native_answer(serial, 1, STORED))
        self.assertEqual(hilerad.metrics()["records_pending"], 1)
        self.assertEqual(hilerad.metrics()["db_up"], 0)

    def assert_stores(self, hilerad, records=1):
        """Soon, without being touched."""
        eventually(lambda: hilerad.metrics()["db_up"] == 1, "the database is found")
        eventually(lambda: hilerad.metrics()["records_stored_total"] == records, "what the journal holds is stored", 60)
        ledger = self.assert_ends_well(hilerad)
        self.assert_rows_match(ledger)
        return ledger

    def test_a_server_that_comes_late(self):
        database = self.start_database(name=self.name)
        database.stop()
        hilerad = self.start_hilerad()  # has said READY=1
        self.wait_for_problem(hilerad, "database:", "mysqld.sock")
        self.assert_advises(hilerad, "whether the server runs")
        with Device(hilerad.port) as device:
            self.assert_takes(hilerad, device, "early")
        database.start()
        ledger = self.assert_stores(hilerad)
        self.assertEqual(ledger["intake"], {"received": 1, "accepted": 1, "control": 0, "rejected": 0, "dropped": 0,
                                            "in_flight": 0})

    def test_frames_that_wait_for_the_server_are_stored_in_order_even_after_a_restart(self):
        database = self.start_database(name=self.name)
        database.stop()
        hilerad = self.start_hilerad()
        with Device(hilerad.port) as device:
            for sequence in range(1, 21):
                self.assertEqual(device.ask(native_frame("patient", sequence)),
                                 native_answer("patient", sequence, STORED))
        self.assertEqual(hilerad.terminate(), 0, hilerad.log_tail())
        self.assert_balanced(hilerad.last_ledger())
        self.assertEqual(hilerad.last_ledger()["store"]["pending"], 20)
        hilerad = self.start_hilerad()
        self.assertEqual(hilerad.metrics()["records_found_at_start"], 20)
        database.start()
        self.assert_stores(hilerad, 20)
        self.assertEqual(self.order_violations(), 0)
        rows = self.sql(
            "SELECT CAST(JSON_VALUE(fields, '$.sequence') AS UNSIGNED) AS n FROM frame ORDER BY commit_seq")
        self.assertEqual([row["n"] for row in rows], list(range(1, 21)))

    def test_tables_that_are_missing(self):
        self.start_database(name=self.name, tables=False)
        hilerad = self.start_hilerad()
        self.wait_for_problem(hilerad, "missing", "hileractl schema apply")
        self.assert_advises(hilerad, "hileractl schema apply")
        with Device(hilerad.port) as device:
            self.assert_takes(hilerad, device, "roomless")
        self.trial.make_tables()
        self.assert_stores(hilerad)

    def test_tables_that_are_missing_are_made_by_a_daemon_that_may(self):
        self.start_database(name=self.name, tables=False).sql("GRANT ALL ON hilera.* TO hilera@localhost")
        hilerad = self.start_hilerad()
        self.wait_until_ready(hilerad)
        self.assertTrue(hilerad.events("schema_applied"))
        with Device(hilerad.port) as device:
            self.assertEqual(device.ask(native_frame("homely", 1)), native_answer("homely", 1, STORED))
        self.assert_stores(hilerad)

    def test_tables_of_a_version_to_come(self):
        self.start_database(name=self.name)
        self.sql("INSERT INTO schema_version (version, name) VALUES (99, 'a step of the future')")
        hilerad = self.start_hilerad()
        self.wait_for_problem(hilerad, "version 99")
        self.sql("DELETE FROM schema_version WHERE version = 99")
        self.wait_until_ready(hilerad)
        self.assert_ends_well(hilerad)

    def test_an_account_that_is_locked(self):
        self.start_database(name=self.name)
        self.sql("ALTER USER hilera@localhost ACCOUNT LOCK")
        hilerad = self.start_hilerad()
        self.wait_for_problem(hilerad, "hilera")
        self.assert_advises(hilerad, "database.user")
        with Device(hilerad.port) as device:
            self.assert_takes(hilerad, device, "locked")
        self.sql("ALTER USER hilera@localhost ACCOUNT UNLOCK")
        self.assert_stores(hilerad)

    def test_a_table_that_is_away_for_a_while(self):
        self.start_database(name=self.name)
        hilerad = self.start_hilerad(pipeline={"ack": "database", "store_deadline": "60s"})
        self.wait_until_ready(hilerad)
        self.sql("RENAME TABLE frame TO elsewhere")
        with Device(hilerad.port) as device:
            device.send(native_frame("patient", 1))
            eventually(lambda: hilerad.by_label("db_errors_total", "class").get("stop_and_alarm"), "it is counted")
            eventually(lambda: hilerad.events("store_stopped"), "it is logged")
            self.sql("RENAME TABLE elsewhere TO frame")
            self.assertEqual(device.receive(), native_answer("patient", 1, STORED))
        self.assertEqual(self.count("dead_letter"), 0)
        self.assert_rows_match(self.assert_ends_well(hilerad))


if __name__ == "__main__":
    unittest.main()
