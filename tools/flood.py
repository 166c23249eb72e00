"""What devices that prove themselves keep of their frames while somebody floods their listener: one source at full
speed, a million of them, one in the name of a device, and one that repeats an overheard frame. Prints a line each.

The devices ask for no answers, so that each frame is sent once and a lost one stays lost."""

import argparse
import hashlib
import os
import pathlib
import secrets
import struct
import subprocess
import sys
import tempfile

import trial

RATE = 1000
DEVICES = 100
MODES = ("none", "one", "many", "victim", "overheard")


def overheard(master):
    """A frame that one of the devices might have sent, with its tag right."""
    serial = b"sim-000001"
    key = hashlib.blake2b(serial, digest_size=32, key=master, person=b"hilera-device-01").digest()
    payload = struct.pack(">HBB", 1, 0x11, 5)
    frame = b"NF" + bytes([1, 0x21, 2, len(serial)]) + serial + struct.pack(">IIQH", 1, 1, 0, len(payload)) + payload
    return frame + hashlib.blake2b(frame, digest_size=16, key=key).digest()


def measure(run, mode, seconds, master, options):
    run.database.sql("TRUNCATE TABLE frame; TRUNCATE TABLE device; TRUNCATE TABLE dead_letter")
    listener = {"name": "field", "codec": "native", "address": "127.0.0.1", "port": 0, "auth": "required",
                "keys_file": str(run.folder / "keys"), "receive_buffer": "64MiB"}
    journal = run.folder / f"journal-{mode}"
    hilerad = run.start_hilerad(run.config(listeners=[listener], journal={"directory": str(journal)}))
    fleet = run.start_simulator(hilerad.port, name=f"fleet-{mode}", log=False, devices=DEVICES, rate=RATE,
                                seconds=seconds, no_acks=True, keys_file=str(run.folder / "keys"), key_id=2, quiet=True)
    sent = 0
    if mode != "none":
        command = [str(options.bin / "flood"), str(hilerad.port), str(seconds), mode]
        done = subprocess.run(command, input=overheard(master), stdout=subprocess.PIPE, check=True)
        sent = int(done.stdout)
    fleet.wait(seconds + 60)
    summary = fleet.summary()
    metrics = hilerad.metrics()
    rejected = hilerad.by_label("datagrams_rejected_total", "reason")
    if hilerad.terminate() != 0:
        raise trial.Failure(hilerad.log_tail())
    # Those of the fleet: its epoch is the time of its start, that of the overheard frame is 1.
    kept = run.database.value("SELECT COUNT(*) FROM frame WHERE frame_id >> 32 > 1")
    share = kept / max(1, summary["sent"])
    print(f"{mode:10} flooded {sent / seconds:9.0f}/s, devices sent {summary['sent']:6}, kept {kept:6}: "
          f"{100 * share:6.2f} %; kernel drops {metrics.get('kernel_drops_total', 0):8}, shed "
          f"{metrics.get('datagrams_dropped_total', 0):8}, rejected {sum(rejected.values()):9}", flush=True)
    return share


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, default=trial.BINARIES)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--only", nargs="*", choices=MODES, default=MODES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hilera-flood-", dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        master = secrets.token_bytes(32)
        path = pathlib.Path(folder) / "keys"
        path.write_text(f"* 2 {master.hex()}\n", encoding="ascii")
        path.chmod(0o600)
        with trial.Trial(pathlib.Path(folder), options.bin) as run:
            run.start_database(order_audit=False)
            shares = [measure(run, mode, options.seconds, master, options) for mode in options.only]
    return 0 if min(shares) >= 0.99 else 1


if __name__ == "__main__":
    sys.exit(main())
