"""Several fleets at once, of three protocols, on several listeners: every device keeps its order, and what the daemon
counts is what the tables hold."""

import unittest

from support import SystemTest

LISTENERS = [{"name": "native-1", "codec": "native", "address": "127.0.0.1", "port": 0},
             {"name": "native-2", "codec": "native", "address": "0.0.0.0", "port": 0},
             {"name": "trackers", "codec": "teltonika", "address": "127.0.0.1", "port": 0},
             {"name": "gateways", "codec": "semtech", "address": "127.0.0.1", "port": 0}]
# All fleets number their devices from the same start, so that those of one codec are the same devices, which are heard
# from two addresses and, the native ones, through two listeners.
FLEETS = [("native-1", "native", {"devices": 200, "rate": 0, "seed": 1}),
          ("native-2", "native", {"devices": 100, "rate": 500, "seed": 2, "window": 4}),
          ("trackers", "teltonika", {"devices": 150, "rate": 0, "seed": 3}),
          ("trackers", "teltonika", {"devices": 50, "rate": 300, "seed": 4, "window": 2}),
          ("gateways", "semtech", {"devices": 70, "rate": 300, "seed": 5, "window": 2})]


class Fleets(SystemTest):
    def test_fleets_do_not_get_in_each_others_way(self):
        self.start_database()
        hilerad = self.start_hilerad(listeners=LISTENERS)
        fleets = [self.trial.start_simulator(hilerad.ports[listener], name=f"fleet-{number}", codec=codec, seconds=4,
                                             wait_acks=60, **options)
                  for number, (listener, codec, options) in enumerate(FLEETS)]
        for fleet in fleets:
            self.assertEqual(fleet.wait(120), 0, fleet.log_tail())
        metrics = hilerad.metrics()
        received = hilerad.by_label("datagrams_received_total", "listener")
        ledger = self.assert_ends_well(hilerad)

        self.assert_rows_match(ledger)
        self.assertEqual(self.order_violations(), 0)
        self.assertEqual(self.trial.lost_acked(*fleets), 0)
        self.assertEqual(metrics["datagrams_rejected_total"], 0)
        self.assertEqual(ledger["store"]["dead_lettered"], 0)
        for listener in LISTENERS:
            fleet_datagrams = sum(fleet.summary()["datagrams"] for fleet, (name, _, _) in zip(fleets, FLEETS)
                                  if name == listener["name"])
            self.assertEqual(received[listener["name"]], fleet_datagrams)
        stored = {row["listener"]: row["n"]
                  for row in self.sql("SELECT listener, COUNT(*) AS n FROM frame GROUP BY listener")}
        self.assertEqual(set(stored), {"native-1", "native-2", "trackers", "gateways"})
        self.assertEqual(sum(stored.values()), ledger["store"]["stored"])


if __name__ == "__main__":
    unittest.main()
