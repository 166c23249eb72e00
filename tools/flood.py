"""What devices keep of their frames while somebody floods their listener: one source at full speed, a million of them,
one in the name of a device, from where devices are and from elsewhere, and one that repeats an overheard frame. Prints a
line each.

All devices have been heard when it begins, or, if wanted, none. They ask for no answers, so that each frame is sent
once and a lost one stays lost. Listeners are:

  keys      native, whose devices prove themselves
  known     native, whose devices are only registered
  pinned    the same, bound to the addresses where they were heard
  gateways  semtech, registered and bound
"""

import argparse
import hashlib
import os
import pathlib
import secrets
import struct
import subprocess
import sys
import tempfile
import time

import trial

RATE = 1000
DEVICES = 100
MODES = ("none", "one", "many", "victim", "elsewhere", "overheard")
REGISTERED = {"devices": "known", "devices_file": "registry"}
PINNED = {**REGISTERED, "pin_address": "1h"}
# Of each: codec, options of the listener, form of the flood, and which rows are the fleet's: frames of the flood have no
# time, packets a channel of their own.
LISTENERS = {
    "keys": ("native", {"auth": "required", "keys_file": "keys"}, "tagged", "device_time IS NOT NULL"),
    "known": ("native", REGISTERED, "plain", "device_time IS NOT NULL"),
    "pinned": ("native", PINNED, "plain", "device_time IS NOT NULL"),
    "gateways": ("semtech", PINNED, "semtech", "JSON_VALUE(fields, '$.values.chan') <> 99"),
}


def overheard(master):
    """A frame that one of the devices might have sent, with its tag right."""
    serial = b"sim-000001"
    key = hashlib.blake2b(serial, digest_size=32, key=master, person=b"hilera-device-01").digest()
    payload = struct.pack(">HBB", 1, 0x11, 5)
    frame = b"NF" + bytes([1, 0x21, 2, len(serial)]) + serial + struct.pack(">IIQH", 1, 1, 0, len(payload)) + payload
    return frame + hashlib.blake2b(frame, digest_size=16, key=key).digest()


def serials(codec):
    if codec == "semtech":
        return [f"02{number:014x}" for number in range(1, DEVICES + 1)]
    return [f"sim-{number:06}" for number in range(1, DEVICES + 1)]


def measure(run, name, mode, seconds, master, options):
    codec, settings, form, of_the_fleet = LISTENERS[name]
    settings = {key: str(run.folder / value) if key.endswith("_file") else value for key, value in settings.items()}
    run.database.sql("TRUNCATE TABLE frame; TRUNCATE TABLE device; TRUNCATE TABLE dead_letter")
    listener = {"name": "field", "codec": codec, "address": "127.0.0.1", "port": 0, "receive_buffer": "64MiB",
                **settings}
    journal = run.folder / f"journal-{name}-{mode}"
    hilerad = run.start_hilerad(run.config(listeners=[listener], journal={"directory": str(journal)}))
    proof = {"keys_file": settings["keys_file"], "key_id": 2} if "keys_file" in settings else {}
    fleet = run.start_simulator(hilerad.port, name=f"fleet-{name}-{mode}", codec=codec, log=False, devices=DEVICES,
                                rate=RATE, seconds=seconds, no_acks=True, quiet=True, **proof)
    while not options.unheard and hilerad.metrics()["devices_known"] < DEVICES:
        if not fleet.running():
            raise trial.Failure(f"not all devices were heard{hilerad.log_tail()}")
        time.sleep(0.01)
    sent = 0
    if mode != "none":
        command = [str(options.bin / "flood"), str(hilerad.port), str(seconds), mode, form, serials(codec)[0]]
        done = subprocess.run(command, input=overheard(master), stdout=subprocess.PIPE, check=True)
        sent = int(done.stdout)
    fleet.wait(seconds + 60)
    records = fleet.summary()["records"]
    metrics = hilerad.metrics()
    rejected = hilerad.by_label("datagrams_rejected_total", "reason")
    if hilerad.terminate() != 0:
        raise trial.Failure(hilerad.log_tail())
    kept = run.database.value(f"SELECT COUNT(*) FROM frame WHERE {of_the_fleet}")
    share = kept / max(1, records)
    print(f"{name:8} {mode:9} flooded {sent / seconds:9.0f}/s, devices sent {records:6}, kept {kept:6}: "
          f"{100 * share:6.2f} %; kernel drops {metrics.get('kernel_drops_total', 0):8}, shed "
          f"{metrics.get('datagrams_dropped_total', 0):8}, rejected {sum(rejected.values()):9}", flush=True)
    return share


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=trial.BINARIES)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--only", nargs="*", choices=MODES, default=MODES)
    parser.add_argument("--listeners", nargs="*", choices=LISTENERS, default=[*LISTENERS])
    parser.add_argument("--unheard", action="store_true", help="begin before any of the devices was heard")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hilera-flood-", dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        master = secrets.token_bytes(32)
        path = pathlib.Path(folder) / "keys"
        path.write_text(f"* 2 {master.hex()}\n", encoding="ascii")
        path.chmod(0o600)
        registry = pathlib.Path(folder) / "registry"
        registry.write_text("".join(f"{serial}\n" for serial in serials("native") + serials("semtech")),
                            encoding="ascii")
        with trial.Trial(pathlib.Path(folder), options.bin) as run:
            run.start_database(order_audit=False)
            shares = [measure(run, name, mode, options.seconds, master, options)
                      for name in options.listeners for mode in options.only if mode != "overheard" or name == "keys"]
    return 0 if min(shares) >= 0.99 else 1


if __name__ == "__main__":
    sys.exit(main())
