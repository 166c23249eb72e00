"""An outage of the database under load, and how long Hilera takes to catch up with live traffic going on. For
tools/bench.
"""

import dataclasses
import signal
import time

import bench_load
import trial

BEFORE = 3.0         # seconds of ordinary work
AFTER = 2.0          # seconds of ordinary work when it has caught up
PATIENCE = 300.0     # seconds to catch up
ORDINARY = 0.25      # seconds of traffic that may be pending in ordinary work
REPORT_EVERY = 10.0  # seconds


@dataclasses.dataclass
class Result:
    down: float   # seconds, from the crash of the server until it answered again
    behind: int   # records pending then
    drain: float  # seconds from then until only as many are pending as in ordinary work
    frames: int = 0


def watch(hilerad, simulator, until, say):
    """Waits until `until()` is true of the number of records pending; returns that number. A line from time to time."""
    reported = time.monotonic()
    while True:
        if not simulator.running():
            raise trial.Failure(f"hilera-sim ended with status {simulator.child.returncode}{simulator.log_tail()}")
        metrics = hilerad.metrics()
        pending = metrics.get("records_pending", 0)
        if until(pending):
            return pending
        if time.monotonic() - reported > REPORT_EVERY:
            reported = time.monotonic()
            say(f"{pending} pending, {metrics.get('acks_sent_total', 0)} acknowledged")
        time.sleep(0.05)


def go_through_outage(run, hilerad, simulator, rate, down, say):
    """Returns a Result without the frames, and how many records were left pending."""
    time.sleep(BEFORE)
    run.database.kill()
    died = time.monotonic()
    watch(hilerad, simulator, lambda _: time.monotonic() - died >= down, say)
    run.database.start()
    back = time.monotonic()
    behind = watch(hilerad, simulator, lambda _: True, say)
    say(f"the server is back after {back - died:.1f} s, {behind} pending")
    left = watch(hilerad, simulator,
                 lambda pending: pending <= ORDINARY * rate or time.monotonic() - back > PATIENCE, say)
    drain = time.monotonic() - back
    time.sleep(AFTER)
    return Result(back - died, behind, drain), left


def measure(run, load, rate, down, say):
    """The server dies as in a crash and comes back `down` seconds later. Every frame has to be acknowledged, and to be
    in the table in the end, in its device's order; nothing may be shed."""
    hilerad, simulator = bench_load.start(run, load, rate, BEFORE + down + PATIENCE + AFTER + 60)
    try:
        result, left = go_through_outage(run, hilerad, simulator, rate, down, say)
        simulator.child.send_signal(signal.SIGTERM)  # no new frames, but the last answers
        simulator.wait(60)
        summary = simulator.summary()
        metrics, _ = bench_load.settle(hilerad, summary["datagrams"])
        hilerad.terminate()
    finally:
        simulator.kill()
        hilerad.kill()

    result.frames = summary["sent"]
    losses = bench_load.losses_of(summary, metrics, run.database.value("SELECT COUNT(*) FROM frame"))
    if left > ORDINARY * rate:
        losses.append(f"{left} records still pending after {PATIENCE:.0f} s")
    if not losses:
        overtaken = run.database.value(bench_load.OVERTAKEN)
        if overtaken:
            losses.append(f"{overtaken} frames overtook another one of their device")
    if losses:
        raise trial.Failure(f"an outage of {result.down:.0f} s at {rate:.0f} frames/s: " + ", ".join(losses))
    return result
