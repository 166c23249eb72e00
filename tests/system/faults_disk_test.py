"""A disk that fails once or is full: nothing that was acknowledged is lost, it is visible, and work goes on when the
disk does, without a restart."""

import unittest

from faults import FaultTest, Injection, SmallDisk
from support import eventually


class SyncFails(FaultTest):
    """fdatasync says EIO once. A second call would say that all is well, and would be wrong."""

    def assert_goes_on(self, number):
        self.begin(f"eio-{number}")
        injection = Injection(self.folder / f"{self.name}.strace", "fdatasync", f"error=EIO:when={number}")
        hilerad = self.start(command=injection.command)
        self.start_fleet()
        eventually(lambda: injection.errors() > 0, "a call has failed")
        before = hilerad.metrics()["acks_sent_total"]
        eventually(lambda: hilerad.metrics()["acks_sent_total"] > before + 500, "frames are acknowledged after that")
        self.assertEqual(hilerad.ask("/readyz"), (200, "ready\n"))
        self.assertGreater(hilerad.metrics()["journal_io_errors_total"], 0)
        self.check(hilerad)

    def test_early(self):
        self.assert_goes_on(4)

    def test_under_load(self):
        self.assert_goes_on(25)

    def test_ten_times_in_a_row(self):
        self.begin("eio-for-long")
        injection = Injection(self.folder / f"{self.name}.strace", "fdatasync", "error=EIO:when=20..29")
        hilerad = self.start(command=injection.command)
        self.start_fleet()
        eventually(lambda: injection.errors() >= 3, "several calls have failed")
        eventually(lambda: hilerad.by_label("datagrams_dropped_total", "reason") or injection.errors() >= 10,
                   "frames are refused")
        eventually(lambda: injection.errors() >= 10, "the last call has failed")
        before = hilerad.metrics()["acks_sent_total"]
        eventually(lambda: hilerad.metrics()["acks_sent_total"] > before + 500, "frames are acknowledged after that")
        self.check(hilerad)


@unittest.skipIf(SmallDisk.why_not(), SmallDisk.why_not())
class DiskFull(FaultTest):
    WINDOW = 8

    def setUp(self):
        self.begin(self._testMethodName)
        self.disk = SmallDisk(self.journal, "12m")
        self.hilerad = self.start(command=self.disk.command)
        self.start_fleet(devices=200)
        eventually(lambda: self.hilerad.metrics()["records_stored_total"] > 1000, "all is well")
        self.trial.database.kill()
        self.close_sql()
        eventually(lambda: self.hilerad.by_label("datagrams_dropped_total", "reason").get("journal_full", 0) > 1000,
                   "datagrams are shed because the disk is full", 60)
        status, text = self.hilerad.ask("/readyz")
        self.assertEqual(status, 503)
        self.assertIn("journal", text)

    def acks(self):
        return self.hilerad.metrics()["acks_sent_total"]

    def assert_recovers(self):
        before = self.acks()
        eventually(lambda: self.acks() > before + 1000, "frames are acknowledged again", 60)
        eventually(lambda: self.hilerad.ask("/readyz") == (200, "ready\n"), "/readyz says that it is ready")

    def test_the_database_comes_back(self):
        self.trial.database.start()
        self.assert_recovers()
        self.check(self.hilerad)

    def test_space_comes_back_before_the_database(self):
        try:
            self.disk.resize(self.hilerad, "64m")
            self.assert_recovers()
        finally:
            self.trial.database.start()
        self.check(self.hilerad)


if __name__ == "__main__":
    unittest.main()
