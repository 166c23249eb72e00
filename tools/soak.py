"""Kills the daemon, the database, or both, at random moments under load, and counts what it cost.

    tools/soak [--rounds 20] [--kill daemon|database|both|all] [--seed S] [--json]

Two fleets of simulated devices, one of each codec, send as long as it runs, and send again what is not acknowledged.
A round is one kill (SIGKILL) 0.2 to 2 s after the load is back, or, one time in four, while what was killed before is
still recovering; then what was killed starts again, with the journal and the data that it left. After each round the
records that were acknowledged last must be found in the database; after some rounds the fleets end, everything that
they saw acknowledged is compared with the tables, and new ones with other windows begin.

The last line is one JSON object. Exit status 1 if something that was acknowledged is lost, something is stored twice,
or something has overtaken.
"""

import argparse
import json
import os
import pathlib
import random
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import custody  # noqa: E402
import trial  # noqa: E402

KINDS = ("daemon", "database", "both")
ROUNDS_PER_LEG = 20
EARLY = 0.25  # of the kills come before the load is back
LOAD_TIMEOUT = 30.0  # seconds until the devices see acknowledgements again; they wait longer from try to try
STORE_TIMEOUT = 30.0  # seconds until what was acknowledged is stored again
WAIT_ACKS = 60  # seconds, of the simulators at their end
LIVES = 4  # of the daemon, whose logs are kept


def say(text):
    print(text, file=sys.stderr, flush=True)


class Fleets:
    """The two simulators of one leg, and what they have seen so far."""

    def __init__(self, run, ports, leg, seed, rate):
        self.window = leg % 4 + 1
        windows = {"native": self.window, "teltonika": 5 - self.window}
        self.simulators = [
            run.start_simulator(ports[codec], name=f"{codec}-{leg}", codec=codec, devices=devices, seed=seed + leg,
                                window=windows[codec], rate=rate * share, seconds=86400, wait_acks=WAIT_ACKS)
            for codec, devices, share in (("native", 100, 0.75), ("teltonika", 25, 0.25))]

    def acked_bytes(self):
        return sum(each.acked_size() for each in self.simulators)

    def last_acked(self):
        count = custody.SAMPLE // len(self.simulators)
        return [record for each in self.simulators for record in each.last_acked(count)]

    def end(self):
        for each in self.simulators:
            status = each.terminate()
            if status != 0:
                raise trial.Failure(f"{each.name} ended with status {status} and {each.summary()}{each.log_tail()}")


class Soak:
    """One daemon and one database that are killed in one way."""

    def __init__(self, run, kind, options):
        self.run, self.kind, self.options = run, kind, options
        self.random = random.Random(f"{options.seed} {kind}")
        self.result = {"episodes": 0, **dict.fromkeys(custody.COUNTS, 0)}
        self.database = run.start_database()
        self.ports = {codec: trial.free_port(socket.SOCK_DGRAM) for codec in ("native", "teltonika")}
        self.config = run.config(
            pipeline={"ack": "journal"}, connections=4,
            journal={"segment_size": "4MiB"},  # so that segments begin and end between the kills
            listeners=[{"name": codec, "codec": codec, "address": "127.0.0.1", "port": port}
                       for codec, port in self.ports.items()])
        self.lives = 0
        self.start_daemon()

    def start_daemon(self):
        self.hilerad = self.run.start_hilerad(self.config, name=f"hilerad-{self.lives % LIVES}")
        self.lives += 1

    def go(self):
        """The counts. Ends early when something is lost, with everything as it was found."""
        known_rows = 0
        rounds = self.options.rounds
        for leg, first in enumerate(range(0, rounds, ROUNDS_PER_LEG)):
            audit = custody.Audit(self.database)
            fleets = Fleets(self.run, self.ports, leg, self.options.seed, self.options.rate)
            for number in range(first, min(first + ROUNDS_PER_LEG, rounds)):
                self.round(number, fleets)
                if self.result["lost"]:
                    return self.result
            self.wait_for_load(fleets)
            fleets.end()
            custody.settle(self.hilerad)
            for name, count in audit.result(fleets.simulators, fleets.window).items():
                # The order of the arrivals is always counted from the first row on.
                self.result[name] = max(self.result[name], count) if name == "order_violations" else (
                    self.result[name] + count)
            known_rows += audit.rows()
            say(f"soak: {self.kind}: {json.dumps(self.result)}")
        # What an earlier leg has found must not have gone since.
        self.result["lost"] += max(0, known_rows - self.database.value("SELECT COUNT(*) FROM frame"))
        self.end()
        return self.result

    def round(self, number, fleets):
        early = self.random.random() < EARLY
        if not early:
            self.wait_for_load(fleets)
        # The moment of the kill is what is tried here, so nothing could be waited for instead.
        time.sleep(self.random.uniform(0, 0.2) if early else self.random.uniform(0.2, 2))
        self.kill_and_start()
        self.result["episodes"] += 1
        lost = self.lost_of(fleets.last_acked())
        if lost:
            self.result["lost"] += len(lost)
            say(f"soak: {self.kind}, round {number}: acknowledged and not stored: {sorted(lost)[:5]}")

    def kill_and_start(self):
        victims = ["daemon", "database"] if self.kind == "both" else [self.kind]
        self.random.shuffle(victims)
        for victim in victims:
            if not self.hilerad.running() and self.hilerad.child.returncode != -9:
                raise trial.Failure(f"hilerad ended by itself{self.hilerad.log_tail()}")
            (self.hilerad if victim == "daemon" else self.database).kill()
            time.sleep(self.random.uniform(0, 0.1))
        self.random.shuffle(victims)
        for victim in victims:
            if victim == "daemon":
                self.start_daemon()
            else:
                time.sleep(self.random.choice((0, self.random.uniform(0, 1))))
                self.database.start()

    def wait_for_load(self, fleets):
        before = fleets.acked_bytes()
        deadline = time.monotonic() + LOAD_TIMEOUT
        while fleets.acked_bytes() == before:
            if time.monotonic() > deadline:
                raise trial.Failure(f"no device sees an acknowledgement any more{self.hilerad.log_tail()}")
            time.sleep(0.02)

    def lost_of(self, records):
        deadline = time.monotonic() + STORE_TIMEOUT
        while True:
            lost = custody.missing(self.database, records)
            if not lost or time.monotonic() > deadline:
                return lost
            time.sleep(0.1)

    def end(self):
        status = self.hilerad.terminate()
        ledger = self.hilerad.last_ledger()
        if status != 0 or not ledger["balanced"] or ledger["store"]["pending"] or ledger["intake"]["in_flight"]:
            raise trial.Failure(f"hilerad ended with status {status} and {ledger}{self.hilerad.log_tail()}")


def soak(options, folder):
    total = {"episodes": 0, **dict.fromkeys(custody.COUNTS, 0)}
    for kind in KINDS if options.kill == "all" else [options.kill]:
        (folder / kind).mkdir(mode=0o755)
        began = time.monotonic()
        with trial.Trial(folder / kind, options.bin or trial.BINARIES) as run:
            for name, count in Soak(run, kind, options).go().items():
                total[name] += count
        say(f"soak: {kind}: {options.rounds} rounds in {time.monotonic() - began:.0f} s")
        if total["lost"]:
            break
    return total


def arguments():
    description, _, rest = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(prog="tools/soak", description=description, epilog=rest.split("\n\n", 1)[1],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="kills of each kind (%(default)s)")
    parser.add_argument("--kill", choices=[*KINDS, "all"], default="all", help="what is killed (%(default)s)")
    parser.add_argument("--seed", type=int, help="of the random moments; by default another one each time")
    parser.add_argument("--rate", type=int, default=3000,
                        help="frames per second of all devices, 0: as fast as possible (%(default)s)")
    parser.add_argument("--json", action="store_true", help="standard output gets the JSON object and nothing else")
    parser.add_argument("--keep", action="store_true", help="leave the folder, with all logs and the data, where it is")
    parser.add_argument("--bin", type=pathlib.Path, help="take the programs of this folder and build nothing")
    options = parser.parse_args()
    if options.rounds < 1 or options.rate < 0:
        parser.error("--rounds must be at least 1, and --rate not be negative")
    if options.seed is None:
        options.seed = secrets.randbelow(1 << 31)
    return options


def main():
    options = arguments()
    trial.exit_on_signals()
    folder = None
    good = False
    try:
        if not options.bin:
            if subprocess.run([trial.ROOT / "tools" / "deps"], stdout=2, check=False).returncode != 0:
                raise trial.Failure("packages are missing")
            trial.build(["hilerad", "hileractl", "hilera-sim"])
        folder = pathlib.Path(tempfile.mkdtemp(prefix="hilera-soak-", dir="/tmp"))
        os.chmod(folder, 0o755)  # MariaDB may run as another user
        say(f"soak: seed {options.seed}")
        result = soak(options, folder)
        good = not (result["lost"] or result["duplicated"] or result["order_violations"])
    except trial.Failure as failure:
        say(f"tools/soak: seed {options.seed}: {failure}")
        return 1
    except KeyboardInterrupt:
        say("tools/soak: interrupted")
        good = True
        return 130
    finally:
        if folder and (options.keep or not good):
            say(f"soak: kept: {folder}")
        elif folder:
            shutil.rmtree(folder)
    if not options.json:
        print(f"{result['episodes']} kills under load (seed {options.seed}); of {result['acked']} acknowledged records "
              f"{result['lost']} are lost, {result['duplicated']} twice there, {result['order_violations']} overtook\n")
    print(json.dumps(result))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
