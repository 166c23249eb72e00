"""One measurement under load: frames at a fixed rate into a fresh hilerad and an empty table, and what became of them;
and the search for the highest rate that loses nothing. For tools/bench.
"""

import dataclasses
import math
import shutil
import time

import trial

STALLED = 5.0          # seconds without any change: what is missing then will not come
BEHIND = 0.1           # of the length of a run: a last commit or acknowledgement later than that after its end is late
SENDER_SLACK = 0.97    # of the rate asked for; below it the sender itself found no time, the machine is full
MAX_IN_FLIGHT = 20000

# Of the devices' own clocks, which tick for each frame, and the daemon's stamps: pairs that disagree. Every frame has
# to be sent once for this; the key of the table already has the order of the devices.
OVERTAKEN = """
SELECT COUNT(*) FROM (
  SELECT arrival, LAG(arrival) OVER (PARTITION BY nserie ORDER BY frame_id) AS previous FROM frame) AS pairs
WHERE arrival < previous"""


@dataclasses.dataclass
class Load:
    """What the devices do, apart from the rate."""
    seconds: float
    devices: int = 1000
    acks: bool = False
    check_order: bool = False
    codec: str = "native"

    def simulator_options(self, rate):
        options = {"codec": self.codec, "devices": self.devices, "rate": f"{rate:.0f}", "quiet": True}
        if self.acks:
            # Open loop as far as that goes with acknowledgements: no device waits for one before its window is full.
            options["window"] = max(1, min(1024, self.most_open() // self.devices))
        else:
            options["no_acks"] = True
        return options


    def most_open(self):
        """Frames of all devices that may wait for their acknowledgement; those of gateways have 16 bits to be told
        apart, over each of up to 64 sockets."""
        return 64 * 1024 if self.codec == "semtech" else 400_000


@dataclasses.dataclass
class Outcome:
    offered: float          # frames per second
    rows_per_second: float  # from the first frame to the last commit
    cpu_us_per_row: float
    p50_ms: float | None
    p99_ms: float | None
    losses: list[str]  # what went wrong, in words; none: the machine bears this rate

    def __str__(self):
        text = (f"offered {self.offered:8.0f}/s, stored {self.rows_per_second:8.0f}/s, "
                f"{self.cpu_us_per_row:5.2f} us CPU a row")
        if self.p99_ms is not None:
            text += f", p99 {self.p99_ms:.1f} ms"
        return text + (": " + ", ".join(self.losses) if self.losses else ": all there")


def configuration(run, load):
    """Of hilerad: defaults, except for what the measurement itself asks for."""
    journal = run.folder / "journal"
    shutil.rmtree(journal, ignore_errors=True)
    journal.mkdir(mode=0o700)
    of_one = ("max_in_flight_per_source", "max_in_flight_per_device")
    limits = dict.fromkeys(of_one, MAX_IN_FLIGHT) if load.devices == 1 else {}
    return run.config(
        listeners=[{"name": "bench", "codec": load.codec, "address": "127.0.0.1", "port": 0, "receive_buffer": "64MiB"}],
        pipeline={"ack": "journal", "max_in_flight": MAX_IN_FLIGHT, **limits},
        journal={"directory": str(journal), "max_size": "16GiB"})


def start(run, load, rate, seconds):
    """An empty table, a fresh daemon and the devices at work, for so many seconds."""
    run.database.sql("TRUNCATE TABLE frame; TRUNCATE TABLE device; TRUNCATE TABLE dead_letter")
    hilerad = run.start_hilerad(configuration(run, load))
    simulator = run.start_simulator(hilerad.port, log=False, seconds=seconds, wait_acks=30,
                                    **load.simulator_options(rate))
    return hilerad, simulator


def settle(hilerad, datagrams):
    """Waits until each datagram has met its fate, or nothing changes any more. Returns the metrics, and the seconds
    until they changed the last time: 0 when they were final at the first look."""
    began = time.monotonic()
    last, changed = None, began
    while True:
        now = time.monotonic() if last else began
        metrics = hilerad.metrics()
        state = [metrics.get(name, 0) for name in ("datagrams_received_total", "kernel_drops_total",
                                                   "datagrams_in_flight", "records_pending", "records_stored_total")]
        if state != last:
            last, changed = state, now
        received, drops, in_flight, pending, _ = state
        if (received + drops >= datagrams and in_flight == 0 and pending == 0) or now - changed > STALLED:
            # What is sent again while it is on its way is nobody's loss.
            reasons = hilerad.by_label("datagrams_dropped_total", "reason")
            metrics["datagrams_dropped_total"] = sum(reasons.values()) - reasons.get("under_way", 0)
            return metrics, changed - began
        time.sleep(0.02)


def losses_of(summary, metrics, rows):
    """Frames that are not in the table, and why, in words."""
    counted = {
        "dropped by the kernel": metrics.get("kernel_drops_total", 0),
        "shed": metrics.get("datagrams_dropped_total", 0),
        "rejected": metrics.get("datagrams_rejected_total", 0),
        "dead letters": metrics.get("records_dead_lettered_total", 0),
        "not acknowledged": summary["unacked"],
        "not stored": summary["records"] - rows,
    }
    return [f"{number} {what}" for what, number in counted.items() if number]


def offer(run, load, rate):
    """One run of `load` at `rate`."""
    hilerad, simulator = start(run, load, rate, load.seconds)
    try:
        simulator.wait(load.seconds + 90)
        summary = simulator.summary()
        metrics, late = settle(hilerad, summary["datagrams"])
        cpu = hilerad.cpu_seconds()
        status = hilerad.terminate()
        if status != 0:
            raise trial.Failure(f"hilerad ended with status {status}{hilerad.log_tail()}")
    finally:
        simulator.kill()
        hilerad.kill()

    rows = run.database.value("SELECT COUNT(*) FROM frame")
    losses = losses_of(summary, metrics, rows)
    if summary["sent"] < SENDER_SLACK * rate * load.seconds:
        losses.append(f"the sender came to {summary['sent'] / load.seconds:.0f}/s only")
    elapsed = summary["seconds"] + late  # the first are those of the sender, until it has all its acknowledgements
    if elapsed > load.seconds * (1 + BEHIND):
        losses.append(f"{elapsed - load.seconds:.1f} s late")
    if load.check_order and not losses:
        overtaken = run.database.value(OVERTAKEN)
        if overtaken:
            raise trial.Failure(f"{overtaken} frames overtook another one of their device")
    return Outcome(rate, rows / elapsed, 1e6 * cpu / max(rows, 1), summary["p50_ms"],
                   summary["p99_ms"], losses)


def highest(run, load, first, precision, say, step=1.3):
    """The outcome of the highest rate that loses nothing, searched from the rate `first` on, in steps until it is
    between two rates and then by halving, until it is known within `precision` (0.05: 5 %)."""
    good, low, high, rate = None, None, None, first
    while low is None or high is None or high > low * (1 + precision):
        outcome = offer(run, load, rate)
        say(str(outcome))
        if outcome.losses:
            high = rate
        else:
            good, low = outcome, rate
        if high is None:
            rate = low * step
        elif low is None:
            rate = min(high / step, max(high / 4, outcome.rows_per_second))
            if rate < 500:
                raise trial.Failure("something is lost at every rate: " + ", ".join(outcome.losses))
        else:
            rate = math.sqrt(low * high)
    return good
