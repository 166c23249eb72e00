"""Custody, checked: what simulated devices saw acknowledged is compared with what the tables hold.

Of the simulator it is known that a device never gives two records the same time, and that a native device makes frame n
only when frame n - window is acknowledged. The order needs the tables' option order-audit.
"""

import time

import trial

SETTLE_TIMEOUT = 60.0  # seconds, for what is still pending after the last acknowledgement
SAMPLE = 300  # records that are looked up one by one

# Records of one device with the same time: one record, stored under several keys.
STORED_TWICE = """
SELECT COALESCE(SUM(times - 1), 0) FROM (
  SELECT COUNT(*) AS times FROM frame WHERE commit_seq > {mark} GROUP BY nserie, codec, device_time) AS records"""

STORED_AND_DEAD = """
SELECT COUNT(*) FROM dead_letter JOIN frame USING (nserie, frame_id, codec, digest) WHERE commit_seq > {mark}"""

# Frame n was durable before frame n + window was made, so it must not be stored behind it.
OVERTAKEN = """
SELECT COUNT(*) FROM (
  SELECT sequence, MAX(sequence) OVER (PARTITION BY nserie, epoch ORDER BY commit_seq
                                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS latest
  FROM (SELECT nserie, commit_seq, CAST(JSON_VALUE(fields, '$.epoch') AS UNSIGNED) AS epoch,
               CAST(JSON_VALUE(fields, '$.sequence') AS UNSIGNED) AS sequence
        FROM frame WHERE codec = 'native' AND commit_seq > {mark}) AS numbered) AS pairs
WHERE sequence + {window} <= latest"""

COUNTS = ("acked", "lost", "duplicated", "order_violations")


class Audit:
    """Of the frames of some simulators, all started after the audit and ended before its result."""

    def __init__(self, database):
        self.database = database
        self.mark = database.value("SELECT COALESCE(MAX(commit_seq), 0) FROM frame")

    def result(self, simulators, window):
        """COUNTS -> number. `window` is the largest of the native ones. Nothing may be pending any more."""
        unseen = {" ".join(record) for each in simulators for record in each.acked()}
        acked = len(unseen)
        for table in (f"frame WHERE commit_seq > {self.mark}", "dead_letter"):
            for row in self.database.rows(f"SELECT nserie, frame_id, codec FROM {table}"):
                unseen.discard(" ".join(row))
        return {"acked": acked, "lost": len(unseen), "duplicated": self._count(STORED_TWICE)
                + self._count(STORED_AND_DEAD), "order_violations": self.database.value(trial.ORDER_VIOLATIONS)
                + self._count(OVERTAKEN, window=window)}

    def rows(self):
        return self._count("SELECT COUNT(*) FROM frame WHERE commit_seq > {mark}")

    def _count(self, statement, **values):
        return self.database.value(statement.format(mark=self.mark, **values))


def missing(database, records):
    """Of at most SAMPLE records those that are neither stored nor dead, now."""
    if not records:
        return set()
    wanted = " OR ".join(f"(nserie = '{nserie}' AND frame_id = {frame_id} AND codec = '{codec}')"
                         for nserie, frame_id, codec in records)
    found = database.rows(" UNION ".join(f"SELECT nserie, frame_id, codec FROM {table} WHERE {wanted}"
                                         for table in ("frame", "dead_letter")))
    return set(records) - {tuple(row) for row in found}


def settle(hilerad, timeout=SETTLE_TIMEOUT):
    """Waits until everything that was accepted has an outcome."""
    deadline = time.monotonic() + timeout
    while True:
        metrics = hilerad.metrics()
        if metrics["datagrams_in_flight"] == 0 and metrics["records_pending"] == 0:
            return
        if time.monotonic() > deadline:
            raise trial.Failure(f"{metrics['records_pending']} records are still pending after {timeout:.0f} s"
                                f"{hilerad.log_tail()}")
        time.sleep(0.02)
