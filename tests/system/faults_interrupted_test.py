"""Calls that a signal breaks off (EINTR) are made again: nothing is lost, doubled or told as an error."""

import unittest

from faults import FaultTest, Injection
from support import eventually

# Of the hub and of the journal's thread; those of Connector/C are send and recv, which are sendto and recvfrom here. Not
# fdatasync: that thread takes no signals, and what fdatasync says is never taken lightly (faults_disk_test).
CALLS = ("epoll_wait", "recvmmsg", "sendmmsg", "recvfrom", "sendto", "pwrite64")


class Interrupted(FaultTest):
    WINDOW = 2

    def test_each_call(self):
        for call in CALLS:
            with self.subTest(call):
                self.begin(f"eintr-{call}")
                injection = Injection(self.folder / f"{self.name}.strace", call, "error=EINTR:when=20+7")
                hilerad = self.start(command=injection.command)
                self.start_fleet()
                eventually(lambda: injection.errors() > 50, f"{call} was broken off often")
                eventually(lambda: hilerad.metrics()["acks_sent_total"] > 500, "frames are acknowledged")
                self.assertEqual(hilerad.ask("/readyz"), (200, "ready\n"))
                self.assertEqual(hilerad.metrics()["journal_io_errors_total"], 0)
                self.assertEqual(hilerad.by_label("datagrams_dropped_total", "reason"), {})
                self.check(hilerad)


if __name__ == "__main__":
    unittest.main()
