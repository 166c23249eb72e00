"""A listener on all addresses of a host answers from the one that the device used: to a connected socket, and to a
firewall, an answer from another address is a stranger's."""

import socket
import unittest

from devices import STORED, Device, native_answer, native_frame
from support import SystemTest


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


class Wildcard(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def assert_answered(self, hilerad, *addresses):
        """Each address is used twice, in turns, so that the last one used by anybody is not good enough."""
        for sequence in (1, 2):
            for number, address in enumerate(addresses):
                serial = f"at-{number}"
                with self.subTest(address), Device(hilerad.port, address) as device:
                    answer = device.ask(native_frame(serial, sequence))
                    self.assertEqual(answer, native_answer(serial, sequence, STORED))
        ledger = self.assert_ends_well(hilerad)
        self.assertEqual(ledger["store"]["stored"], 2 * len(addresses))

    def setUp(self):
        self.sql("DELETE FROM frame")

    def listen(self, address):
        return self.start_hilerad(listeners=[{"name": "all", "codec": "native", "address": address, "port": 0}])

    def test_all_ipv4_addresses(self):
        self.assert_answered(self.listen("0.0.0.0"), "127.0.0.1", "127.0.0.2", "127.200.100.50")
        self.assertEqual({row["peer_ip"] for row in self.sql("SELECT peer_ip FROM frame")}, {"::ffff:127.0.0.1"})

    @unittest.skipUnless(has_ipv6(), "this host has no IPv6")
    def test_all_ipv6_addresses(self):
        self.assert_answered(self.listen("::"), "::1")
        self.assertEqual({row["peer_ip"] for row in self.sql("SELECT peer_ip FROM frame")}, {"::1"})


if __name__ == "__main__":
    unittest.main()
