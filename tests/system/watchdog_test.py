"""The service manager hears from hilerad: that it is ready, that it is alive, that it stops."""

import unittest

from devices import Device, native_frame
from support import SystemTest, freeze, thaw


class Watchdog(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def test_the_watchdog_is_fed_again_and_again(self):
        hilerad = self.start_hilerad(environment={"WATCHDOG_USEC": "200000"})
        hilerad.notifications.wait_for("WATCHDOG=1", hilerad, times=3)
        with Device(hilerad.port) as device:
            device.ask(native_frame("dog", 1))
        hilerad.notifications.wait_for("WATCHDOG=1", hilerad, times=6)
        self.assert_ends_well(hilerad)

    def test_without_a_database_it_is_fed_all_the_same(self):
        freeze(self.trial.database.pid)
        self.addCleanup(thaw, self.trial.database.pid)
        hilerad = self.start_hilerad(environment={"WATCHDOG_USEC": "200000"}, drain={"timeout": "1s"})
        hilerad.notifications.wait_for("WATCHDOG=1", hilerad, times=3)
        self.assert_ends_well(hilerad)

    def test_who_has_no_watchdog_is_not_fed(self):
        hilerad = self.start_hilerad()
        self.assert_ends_well(hilerad)
        hilerad.notifications.wait_for("STOPPING=1", hilerad)
        self.assertNotIn("WATCHDOG=1", hilerad.notifications.received)

    def test_a_watchdog_for_another_process_is_none_of_ours(self):
        hilerad = self.start_hilerad(environment={"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"})
        self.assert_ends_well(hilerad)
        hilerad.notifications.wait_for("STOPPING=1", hilerad)
        self.assertNotIn("WATCHDOG=1", hilerad.notifications.received)

    def test_the_manager_hears_of_the_end_before_it_comes(self):
        hilerad = self.start_hilerad()
        self.assert_ends_well(hilerad)
        hilerad.notifications.wait_for("STOPPING=1", hilerad)
        received = hilerad.notifications.received
        self.assertLess(received.index("READY=1"), received.index("STOPPING=1"))


if __name__ == "__main__":
    unittest.main()
