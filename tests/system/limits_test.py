"""Beyond a limit datagrams are shed and counted, and who floods is shed before its neighbours."""

import unittest

from devices import DUPLICATE, STORED, Device, native_answer, native_frame
from support import SystemTest, eventually, freeze, thaw


class Limits(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def setUp(self):
        self.sql("DELETE FROM frame")

    def stop_database(self):
        """It answers nothing until it is continued, so that what is in flight stays there."""
        pid = self.trial.database.pid
        self.addCleanup(thaw, pid)
        freeze(pid)

    def continue_database(self):
        thaw(self.trial.database.pid)

    def wait_until_received(self, hilerad, datagrams):
        eventually(lambda: hilerad.metrics()["datagrams_received_total"] == datagrams, f"{datagrams} are received")

    def start_patient(self, **pipeline):
        """A daemon whose frames wait for the database, and which has its connections already."""
        hilerad = self.start_hilerad(pipeline={"ack": "database", "store_deadline": "60s", **pipeline})
        with Device(hilerad.port) as device:
            device.ask(native_frame("first", 1))
        return hilerad

    def test_a_device_that_floods_is_shed_and_its_neighbours_are_not(self):
        hilerad = self.start_patient(max_in_flight_per_source=10)
        flooder, neighbour = (self.enterContext(Device(hilerad.port)) for _ in range(2))
        self.stop_database()
        for sequence in range(1, 101):
            flooder.send(native_frame("flood", sequence))
        for sequence in range(1, 6):
            neighbour.send(native_frame("quiet", sequence))
        self.wait_until_received(hilerad, 106)
        self.assertEqual(hilerad.by_label("datagrams_dropped_total", "reason"), {"source_limit": 90})
        self.continue_database()
        self.assertEqual({neighbour.receive() for _ in range(5)},
                         {native_answer("quiet", sequence, STORED) for sequence in range(1, 6)})
        # What was taken is a beginning without gaps, and only that is acknowledged.
        self.assertEqual({flooder.receive() for _ in range(10)},
                         {native_answer("flood", sequence, STORED) for sequence in range(1, 11)})
        ledger = self.assert_ends_well(hilerad)
        self.assertFalse(flooder.has_mail())
        self.assert_rows_match(ledger)
        self.assertEqual(self.order_violations(), 0)

    def test_no_more_are_in_flight_than_agreed(self):
        hilerad = self.start_patient(max_in_flight=50, max_in_flight_per_source=50)
        self.stop_database()
        fleet = [self.enterContext(Device(hilerad.port)) for _ in range(8)]
        for number, device in enumerate(fleet):
            for sequence in range(1, 11):
                device.send(native_frame(f"dev-{number}", sequence))
        self.wait_until_received(hilerad, 81)
        self.assertEqual(hilerad.metrics()["datagrams_in_flight"], 50)
        self.assertEqual(hilerad.by_label("datagrams_dropped_total", "reason"), {"in_flight_limit": 30})
        self.continue_database()
        eventually(lambda: hilerad.metrics()["datagrams_in_flight"] == 0, "all have ended")
        self.assert_rows_match(self.assert_ends_well(hilerad))
        self.assertEqual(self.count("frame"), 51)

    def test_a_frame_waits_for_its_database_only_so_long_and_is_stored_later(self):
        hilerad = self.start_hilerad(pipeline={"ack": "database", "store_deadline": "500ms"},
                                     database={"query_timeout": "1s"})
        with Device(hilerad.port) as device:
            device.ask(native_frame("first", 1))
            self.stop_database()
            for sequence in range(1, 11):
                device.send(native_frame("waits", sequence))
            eventually(lambda: hilerad.metrics()["acks_withheld_total"] == 10, "the frames wait no longer")
            self.assertFalse(device.has_mail())
            self.continue_database()
            eventually(lambda: hilerad.metrics()["records_pending"] == 0, "they are stored")
            # Sent again, they are answered, and are there once.
            for sequence in range(1, 11):
                self.assertEqual(device.ask(native_frame("waits", sequence)),
                                 native_answer("waits", sequence, DUPLICATE))
        self.assert_ends_well(hilerad)
        self.assertEqual(self.count("frame"), 11)

    def test_what_the_kernel_drops_is_counted(self):
        smallest = {"name": "trial", "codec": "native", "address": "127.0.0.1", "port": 0, "receive_buffer": "64KiB"}
        hilerad = self.start_hilerad(listeners=[smallest], pipeline={"max_in_flight_per_source": 10000})
        with Device(hilerad.port) as device:
            freeze(hilerad.child.pid)
            sent = 0

            def send():
                nonlocal sent
                sent += 1
                device.send(native_frame("burst", sent, flags=0))

            for _ in range(2000):
                send()
            thaw(hilerad.child.pid)

            def all_are_accounted_for():
                send()  # the kernel tells how many it has dropped with the next datagram that it has not
                metrics = hilerad.metrics()
                return metrics["datagrams_received_total"] + metrics["kernel_drops_total"] == sent
            eventually(all_are_accounted_for, "received and dropped are what was sent")
            self.assertGreater(hilerad.metrics()["kernel_drops_total"], 0)
        self.assert_rows_match(self.assert_ends_well(hilerad))


if __name__ == "__main__":
    unittest.main()
