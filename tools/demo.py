"""Shows Hilera at work: builds it, starts a private MariaDB, the daemon and a fleet of simulated devices, and checks
what became of every frame.

    tools/demo [--seconds 20] [--devices 500] [--rate 2000]

The last line is one JSON object. Exit status 1 if a frame overtook another one of its device (order_violations) or an
acknowledged one is not in the database (lost_acked). The first is counted by SQL over the order of the commits, the
second by comparing the simulator's log with the tables. Nothing outside the demo's own temporary folder is touched,
except that missing Debian packages are installed (tools/deps says which).
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import trial  # noqa: E402

SETTLE_TIMEOUT = 30.0  # seconds, for what is in flight when the last device has its answer


def arguments():
    description, _, rest = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(prog="tools/demo", description=description, epilog=rest.split("\n\n")[1])
    parser.add_argument("--seconds", type=float, default=20, help="how long devices make frames (%(default)s)")
    parser.add_argument("--devices", type=int, default=500, help="how many devices (%(default)s)")
    parser.add_argument("--rate", type=int, default=2000,
                        help="frames per second of all together, 0: as fast as possible (%(default)s)")
    parser.add_argument("--codec", default="native", help="what the devices speak (%(default)s)")
    parser.add_argument("--connections", type=int, default=8, help="connections to the database (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="leave the folder, with all logs and the data, where it is")
    parser.add_argument("--bin", type=pathlib.Path, help="take the programs of this folder and build nothing")
    return parser.parse_args()


def say(text=""):
    print(text, flush=True)


def watch(simulator, hilerad, seconds):
    """Prints a line per second until the simulator has ended."""
    say("\n   time   received     stored   in flight   stored/s")
    began = time.monotonic()
    last_time, last_stored = began, 0
    while simulator.running():
        time.sleep(1)
        if not hilerad.running():
            raise trial.Failure(f"hilerad ended with status {hilerad.child.returncode}{hilerad.log_tail()}")
        now, metrics = time.monotonic(), hilerad.metrics()
        stored = metrics.get("records_stored_total", 0)
        say(f"{now - began:6.0f} s {metrics.get('datagrams_received_total', 0):10} {stored:10} "
            f"{metrics.get('datagrams_in_flight', 0):11} {(stored - last_stored) / (now - last_time):10.0f}")
        last_time, last_stored = now, stored
        if now - began > 2 * seconds + 120:
            raise trial.Failure(f"hilera-sim does not end{simulator.log_tail()}")


def settled_metrics(hilerad):
    """The metrics when nothing is in flight any more."""
    deadline = time.monotonic() + SETTLE_TIMEOUT
    while True:
        metrics = hilerad.metrics()
        if metrics.get("datagrams_in_flight", 0) == 0 and metrics.get("records_pending", 0) == 0:
            return metrics
        if time.monotonic() > deadline:
            raise trial.Failure(f"something is still in flight after {SETTLE_TIMEOUT:.0f} s{hilerad.log_tail()}")
        time.sleep(0.05)


def print_device(database):
    nserie = database.sql("SELECT MIN(nserie) FROM frame").strip()
    say(f"\nThe last rows of device {nserie}, latest first:\n")
    say(database.sql("SELECT commit_seq, arrival, frame_id, device_time, received_at, fields FROM frame "
                     f"WHERE nserie = '{nserie}' ORDER BY commit_seq DESC LIMIT 5", "--table"))


def print_ledger(metrics):
    """Returns whether both identities hold."""
    say("The ledger:\n")
    holds = True
    for what, total, parts in (
        ("datagrams", ["datagrams_received_total"],
         ["datagrams_accepted_total", "datagrams_control_total", "datagrams_rejected_total", "datagrams_dropped_total",
          "datagrams_in_flight"]),
        ("records", ["records_found_at_start", "records_accepted_total"],
         ["records_stored_total", "records_duplicate_total", "records_dead_lettered_total", "records_quarantined_total",
          "records_pending"]),
    ):
        def text(names):
            return " + ".join(f"{name.partition('_')[2].removesuffix('_total')} {metrics.get(name, 0)}" for name in names)

        equal = sum(metrics.get(name, 0) for name in total) == sum(metrics.get(name, 0) for name in parts)
        holds = holds and equal
        say(f"  {what}: {text(total)} {'=' if equal else 'IS NOT'} {text(parts)}")
    say(f"  kernel drops {metrics.get('kernel_drops_total', 0)}, acknowledgements {metrics.get('acks_sent_total', 0)}")
    return holds


def demo(options, folder):
    say(f"Private MariaDB, daemon and {options.devices} devices in {folder}")
    with trial.Trial(folder, options.bin or trial.BINARIES) as run:
        database = run.start_database()
        hilerad = run.start_hilerad(run.config(codec=options.codec, connections=options.connections))
        simulator = run.start_simulator(hilerad.port, codec=options.codec, devices=options.devices, rate=options.rate,
                                        seconds=options.seconds, wait_acks=30)
        watch(simulator, hilerad, options.seconds)
        summary = simulator.summary()
        metrics = settled_metrics(hilerad)
        status = hilerad.terminate()
        if status != 0:
            raise trial.Failure(f"hilerad ended with status {status}{hilerad.log_tail()}")
        print_device(database)
        result = {
            "sent": summary["sent"],
            "datagrams": summary["datagrams"],
            "acked": summary["acked"],
            "resent": summary["resent"],
            "stored": database.value("SELECT COUNT(*) FROM frame"),
            "duplicates": metrics.get("records_duplicate_total", 0),
            "dead_lettered": database.value("SELECT COUNT(*) FROM dead_letter"),
            "rejected": metrics.get("datagrams_rejected_total", 0),
            "dropped": metrics.get("datagrams_dropped_total", 0),
            "kernel_drops": metrics.get("kernel_drops_total", 0),
            "order_violations": database.value(trial.ORDER_VIOLATIONS),
            "lost_acked": run.lost_acked(simulator),
            "ledger_holds": print_ledger(metrics),
        }
        database.stop()
    return result


def main():
    options = arguments()
    trial.exit_on_signals()
    folder = None
    try:
        if not options.bin:
            if subprocess.run([trial.ROOT / "tools" / "deps"], check=False).returncode != 0:
                raise trial.Failure("packages are missing")
            trial.build(["hilerad", "hileractl", "hilera-sim"])
        folder = pathlib.Path(tempfile.mkdtemp(prefix="hilera-demo-", dir="/tmp"))
        os.chmod(folder, 0o755)  # MariaDB may run as another user
        result = demo(options, folder)
    except trial.Failure as failure:
        print(f"tools/demo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tools/demo: interrupted", file=sys.stderr)
        return 130
    finally:
        if folder and options.keep:
            say(f"\nKept: {folder}")
        elif folder:
            shutil.rmtree(folder)
    say()
    say(json.dumps(result))
    wrong = result["order_violations"] or result["lost_acked"] or not result["ledger_holds"]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
