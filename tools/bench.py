"""Measures how fast Hilera is on this machine, end to end, beside the server's own limit and beside its peers.

    tools/bench [--quick] [--rounds 3] [--seconds 10] [--outage 60] [--only NAME ...]

Sender, daemon and a private MariaDB (bench/my.cnf; every commit synced) share the machine, which should do nothing else
meanwhile. bench/README.md says what each number means. Prints each step, then a table with the goals, and as its last
line one JSON object; what was not measured is null there. Exit status 1 if something that was to be measured could not
be: then a line says why. Whether goals are met decides nothing.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import bench_load  # noqa: E402
import bench_outage  # noqa: E402
import trial  # noqa: E402

PROGRAMS = ["hilerad", "hileractl", "hilera-sim", "bulk_limit", "rx_path_bench"]
KEYS = ["bulk_limit", "hilera", "hilera_acked", "hot_serial", "rx_ratio", "p50_ms", "p99_ms", "device_growth",
        "gateways_p99_ms", "outage_drain_s", "demo3", "rsyslog"]
GATEWAYS_RATE = 5_000
MANY_DEVICES = 100_000

# What is compared, with which other key (None: with nothing), and the bound of the ratio.
GOALS = [
    ("hilera", "bulk_limit", ">=", 0.4),
    ("hilera", "demo3", ">=", 15),
    ("hilera", "rsyslog", ">=", 7),
    ("hilera_acked", "hilera", ">=", 0.7),
    ("hot_serial", "hilera", ">=", 0.6),
    ("rx_ratio", None, "<=", 2),
    ("p99_ms", None, "<=", 25),
    ("gateways_p99_ms", None, "<=", 100),
    ("device_growth", None, "<=", 1.15),
]


def say(text=""):
    print(text, flush=True)


def last_json(command):
    """Runs a benchmark that writes a JSON object as its last line; what it prints is shown, too."""
    with subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True) as child:
        last = ""
        for line in child.stdout:
            last = line
            say("  " + line.rstrip())
    if child.returncode != 0:
        raise trial.Failure(f"{pathlib.Path(command[0]).name} ended with status {child.returncode}")
    return json.loads(last)


class Bench:
    """The measurements, each a method that fills in its keys of `values` and perhaps a remark."""

    def __init__(self, run, options):
        self.run = run
        self.options = options
        self.values = dict.fromkeys(KEYS)
        self.remarks = {}
        self.many_devices = None

    def bulk_limit(self):
        result = last_json([self.run.binaries / "bulk_limit", "--socket", self.run.database.socket,
                            "--seconds", self.options.bulk_seconds])
        self.values["bulk_limit"] = result["bulk_limit"]
        self.remarks["bulk_limit"] = f"{result['connections']} connections"

    def _highest(self, key, load, first):
        """The median of the rounds; each begins where the last one ended."""
        outcomes = []
        for number in range(self.options.rounds):
            say(f"  round {number + 1}")
            rate = outcomes[-1].offered if outcomes else first
            outcomes.append(bench_load.highest(self.run, load, rate, self.options.precision,
                                               lambda text: say("    " + text), 1.1 if outcomes else 1.3))
        self.values[key] = round(statistics.median(outcome.rows_per_second for outcome in outcomes))
        cpu = statistics.median(outcome.cpu_us_per_row for outcome in outcomes)
        self.remarks[key] = f"{cpu:.2f} us of its CPU a row"

    def hilera(self):
        first = 0.4 * (self.values["bulk_limit"] or 250_000)
        self._highest("hilera", bench_load.Load(self.options.seconds), first)

    def hilera_acked(self):
        first = 0.8 * (self.values["hilera"] or 100_000)
        self._highest("hilera_acked", bench_load.Load(self.options.seconds, acks=True), first)

    def hot_serial(self):
        first = 0.8 * (self.values["hilera"] or 100_000)
        load = bench_load.Load(self.options.seconds, devices=1, check_order=True)
        self._highest("hot_serial", load, first)
        self._audit_order(load, self.values["hot_serial"] / 3)

    def _audit_order(self, load, rate):
        """The order of the commits themselves, at a rate that the audit's key does not disturb."""
        self.run.make_tables(order_audit=True)
        outcome = bench_load.offer(self.run, load, rate)
        violations = self.run.database.value(trial.ORDER_VIOLATIONS)
        self.run.database.sql("ALTER TABLE frame DROP COLUMN commit_seq")
        say(f"  with order audit: {outcome}, {violations} order violations")
        if violations:
            raise trial.Failure(f"{violations} order violations at {rate:.0f} frames/s")

    def many(self):
        """The end-to-end figure that stands beside device_growth."""
        load = bench_load.Load(self.options.seconds, devices=MANY_DEVICES)
        outcome = bench_load.highest(self.run, load, 0.8 * (self.values["hilera"] or 100_000), self.options.precision,
                                     lambda text: say("    " + text))
        self.many_devices = round(outcome.rows_per_second)

    def rx(self):
        ratios, growths = [], []
        for _ in range(self.options.rounds):
            done = subprocess.run([self.run.binaries / "rx_path_bench"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
            if done.returncode != 0:
                raise trial.Failure(f"rx_path_bench ended with status {done.returncode}")
            for name, found in (("pipeline / bare recvmmsg", ratios), ("device_growth", growths)):
                for line in re.finditer(rf"^{name}: ([\d.]+)", done.stdout, re.MULTILINE):
                    say("  " + done.stdout[line.start():].splitlines()[0])
                    found.append(float(line[1]))
        if not ratios:
            raise trial.Failure("rx_path_bench prints no ratio")
        self.values["rx_ratio"] = round(statistics.median(ratios), 2)
        if not growths:
            raise trial.Failure("rx_path_bench prints no device_growth")
        self.values["device_growth"] = round(statistics.median(growths), 3)

    def _half_rate(self):
        if not self.values["hilera_acked"]:
            raise trial.Failure("the acknowledged rate, of which half is to be offered, was not measured")
        return self.values["hilera_acked"] / 2

    def latency(self):
        rate = self._half_rate()
        outcomes = []
        for _ in range(self.options.rounds):
            outcomes.append(bench_load.offer(self.run, bench_load.Load(self.options.seconds, acks=True), rate))
            say(f"  {outcomes[-1]}, p50 {outcomes[-1].p50_ms:.1f} ms")
        losses = [loss for outcome in outcomes for loss in outcome.losses]
        if losses:
            raise trial.Failure("at half of the rate: " + ", ".join(losses))
        for key in ("p50_ms", "p99_ms"):
            self.values[key] = round(statistics.median(getattr(outcome, key) for outcome in outcomes), 2)
        self.remarks["p50_ms"] = self.remarks["p99_ms"] = f"at {rate:.0f} frames/s, seen by the devices"

    def gateways(self):
        load = bench_load.Load(self.options.seconds, acks=True, codec="semtech")
        outcomes = [bench_load.offer(self.run, load, GATEWAYS_RATE) for _ in range(self.options.rounds)]
        for outcome in outcomes:
            say(f"  {outcome}, p50 {outcome.p50_ms:.1f} ms")
        losses = [loss for outcome in outcomes for loss in outcome.losses]
        if losses:
            raise trial.Failure(f"at {GATEWAYS_RATE} frames/s: " + ", ".join(losses))
        self.values["gateways_p99_ms"] = round(statistics.median(outcome.p99_ms for outcome in outcomes), 2)
        self.remarks["gateways_p99_ms"] = f"PUSH_ACK, {load.devices} gateways with {GATEWAYS_RATE} frames/s"

    def outage(self):
        result = bench_outage.measure(self.run, bench_load.Load(0, acks=True), self._half_rate(), self.options.outage,
                                      lambda text: say("  " + text))
        self.values["outage_drain_s"] = round(result.drain, 1)
        self.remarks["outage_drain_s"] = (f"{result.behind} behind after {result.down:.0f} s, {self._half_rate():.0f} "
                                          f"frames/s going on, {result.frames} frames, none lost, in order")

    # The peers have servers of their own; ours is not to be in their way.
    def demo3(self):
        self.run.database.stop()
        result = last_json([trial.ROOT / "bench/peers/end_to_end", "--only", "demo3", "--bin", self.run.binaries,
                            "--rounds", self.options.rounds, "--seconds", self.options.seconds])
        self.values["demo3"] = round(result["rows_per_second"]["demo3"])
        self.remarks["demo3"] = f"{result['cpu_us_per_row']['demo3']:.0f} us of its CPU a row"

    def rsyslog(self):
        self.run.database.stop()
        result = last_json([trial.ROOT / "bench/peers/rsyslog", "--bin", self.run.binaries,
                            "--rounds", self.options.rounds, "--seconds", self.options.seconds])
        self.values["rsyslog"] = round(result["rows_per_second"])
        self.remarks["rsyslog"] = f"{result['workers']} workers, {result['cpu_us_per_row']:.0f} us of its CPU a row"


# In this order; those behind may need what those before have found.
MEASUREMENTS = ["rx", "bulk_limit", "hilera", "hilera_acked", "hot_serial", "many", "latency", "gateways", "outage", "demo3",
                "rsyslog"]
NEEDS_ACKED = {"latency", "outage"}


def shown(value):
    if value is None:
        return "-"
    return f"{value:,}".replace(",", " ")


def print_table(bench):
    say()
    remarks = {key: [] for key in KEYS}
    for key, base, relation, bound in GOALS:
        value, reference = bench.values[key], bench.values[base] if base else 1
        goal = f"goal {relation} {bound}" + (f" x {base}" if base else "")
        if value is not None and reference:
            ratio = value / reference
            met = ratio >= bound if relation == ">=" else ratio <= bound
            goal += (f", is {ratio:.2f}" if base else "") + (": ok" if met else ": missed")
        remarks[key].append(goal)
    for key, remark in bench.remarks.items():
        remarks[key].append(remark)
    for key in KEYS:
        say(f"{key:16}{shown(bench.values[key]):>10}   {'; '.join(remarks[key])}")
    if bench.many_devices:
        beside = f"{bench.values['hilera'] / bench.many_devices:.2f}" if bench.values["hilera"] else "-"
        say(f"end to end with {MANY_DEVICES} devices: {shown(bench.many_devices)} rows/s, cost per frame {beside} x "
            "that of 1000 devices")


def arguments():
    description, _, rest = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(prog="tools/bench", description=description, epilog=rest.split("\n\n")[1])
    parser.add_argument("--quick", action="store_true", help="one short round of everything, to see that it works")
    parser.add_argument("--rounds", type=int, help="of which the median counts (3)")
    parser.add_argument("--seconds", type=float, help="length of one run at one rate (10)")
    parser.add_argument("--bulk-seconds", type=float, help="length of one run of bulk_limit (8)")
    parser.add_argument("--outage", type=float, help="seconds without the database (60)")
    parser.add_argument("--precision", type=float, help="to which rates are searched, as a share (0.04)")
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, metavar="NAME",
                        help="measure these alone: " + ", ".join(MEASUREMENTS))
    parser.add_argument("--bin", type=pathlib.Path, help="take the programs of this folder and build nothing")
    options = parser.parse_args()
    usual = {"rounds": 3, "seconds": 10.0, "bulk_seconds": 8.0, "outage": 60.0, "precision": 0.04}
    quick = {"rounds": 1, "seconds": 2.0, "bulk_seconds": 1.0, "outage": 4.0, "precision": 0.15}
    for name, value in (quick if options.quick else usual).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if options.rounds < 1 or options.precision <= 0:
        parser.error("--rounds has to be at least 1 and --precision above 0")
    chosen = set(options.only or MEASUREMENTS)
    if chosen & NEEDS_ACKED:
        chosen.add("hilera_acked")
    options.chosen = [name for name in MEASUREMENTS if name in chosen]
    return options


def measure_all(options, folder):
    """Returns the measurements, and what could not be measured as name -> reason."""
    failed = {}
    with trial.Trial(folder, options.bin or trial.BINARIES) as run:
        run.start_database(trial.mariadb_options(trial.ROOT / "bench/my.cnf"), order_audit=False)
        say(f"{os.cpu_count()} processors, load before {os.getloadavg()[0]:.1f}, "
            f"MariaDB {run.database.sql('SELECT VERSION()').strip()}, {folder}")
        bench = Bench(run, options)
        for name in options.chosen:
            say(f"\n{name}")
            try:
                getattr(bench, name)()
            except trial.Failure as failure:
                failed[name] = str(failure)
                say(f"  not measured: {failure}")
    return bench, failed


def main():
    options = arguments()
    trial.exit_on_signals()
    folder = None
    try:
        if not options.bin:
            deps = [trial.ROOT / "tools" / "deps", "--with", "bench"]
            if subprocess.run(deps, stdout=2, check=False).returncode != 0:
                raise trial.Failure("packages are missing")
            trial.build(PROGRAMS)
        # Not in /tmp, which may be a tmpfs, where a sync costs nothing.
        folder = pathlib.Path(tempfile.mkdtemp(prefix="hilera-bench-", dir="/var/tmp"))
        os.chmod(folder, 0o755)  # MariaDB may run as another user
        bench, failed = measure_all(options, folder)
    except trial.Failure as failure:
        print(f"tools/bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tools/bench: interrupted", file=sys.stderr)
        return 130
    finally:
        if folder:
            shutil.rmtree(folder)
    print_table(bench)
    for name, reason in failed.items():
        say(f"{name}: not measured: {reason}")
    say(json.dumps(bench.values))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
