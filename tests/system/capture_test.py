"""Traffic in files: hilerad --decode says what a daemon stores, hilera-sim capture keeps what devices send, and replay
sends it again."""

import json
import re
import socket
import subprocess
import unittest

from devices import CODEC_16, CODEC_8, Device, native_frame
from support import BINARIES, SystemTest, eventually, trial

UNREADABLE = b"no frame"


def run(*command, status=0, text=None):
    done = subprocess.run([str(part) for part in command], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False, timeout=60)
    if done.returncode != status:
        raise AssertionError(f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout if status == 0 else done.stdout + done.stderr


def rows_of(text):
    """The rows that --decode tells of: column -> text, as far as they are in one line."""
    rows = [dict(re.findall(r"(?m)^    (\w+) +(\S.*)$", part)) for part in text.split("a row of table frame")[1:]]
    return sorted((row["nserie"], row["frame_id"], row["device_time"], row["digest"]) for row in rows)


class Capture(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def setUp(self):
        self.sql("DELETE FROM frame")

    def stored(self):
        rows = self.sql("SELECT nserie, CAST(frame_id AS CHAR) AS frame_id, digest, "
                        "COALESCE(CAST(device_time AS CHAR), 'NULL') AS device_time FROM frame")
        return sorted((row["nserie"], row["frame_id"], row["device_time"], row["digest"].hex()) for row in rows)

    def record(self, datagrams):
        """A capture of these, made by hilera-sim."""
        file, port = self.folder / "frames.pcap", trial.free_port(socket.SOCK_DGRAM)
        file.unlink(missing_ok=True)
        recorder = self.trial.start([BINARIES / "hilera-sim", "capture", file, "--listen", f"127.0.0.1:{port}",
                                     "--datagrams", len(datagrams)], "capture.log")
        eventually(lambda: file.exists() and file.stat().st_size > 0, "it listens")
        with Device(port) as device:
            for datagram in datagrams:
                device.send(datagram)
            self.assertEqual(recorder.wait(30), 0, recorder.log_tail())
        summary = json.loads(recorder.log.read_text(encoding="utf-8").splitlines()[-1])
        self.assertEqual(summary, {"captured": len(datagrams), "kernel_drops": 0})
        recorder.log.unlink()
        return file

    def test_decode_says_what_a_daemon_stores(self):
        for codec, datagrams in {"teltonika": [CODEC_8, CODEC_16],
                                 "native": [native_frame("one", 1), native_frame("two", 2)]}.items():
            with self.subTest(codec):
                self.sql("DELETE FROM frame")
                file = self.record(datagrams)
                hilerad = self.start_hilerad(codec=codec)
                with Device(hilerad.port) as device:
                    answers = [device.ask(datagram) for datagram in datagrams]
                eventually(lambda: self.count("frame") == 2, "both are stored")
                self.assert_ends_well(hilerad)
                for told in (run(BINARIES / "hilerad", "--decode", file, "--codec", codec),
                             run(BINARIES / "hilerad", "--decode", "-", "--codec", codec,
                                 text="\n".join(datagram.hex() for datagram in datagrams)),
                             run(BINARIES / "hilerad", "--decode", file, "--config", hilerad.config)):
                    self.assertEqual(rows_of(told), self.stored())
                    self.assertEqual(re.findall(r"acknowledged with (\w+)", told), [answer.hex() for answer in answers])

    def test_decode_says_what_is_wrong(self):
        file = self.record([CODEC_8, UNREADABLE])
        told = run(BINARIES / "hilerad", "--decode", file, "--codec", "teltonika", status=1)
        self.assertRegex(told, r"datagram 2: 8 bytes.*\n  rejected: \w+\n")
        self.assertIn("2 datagrams: 1 accepted with 1 records, 0 repeated, 0 control, 1 rejected", told)
        for arguments, wanted in ((("--listener", "nobody"), "no listener is called nobody"),
                                  (("--codec", "morse"), "morse not in")):
            config = self.folder / "decode.yaml"
            config.write_text(json.dumps(self.trial.config()), encoding="utf-8")
            done = subprocess.run([BINARIES / "hilerad", "--config", config, "--decode", file, *arguments],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(wanted, done.stdout)

    def test_a_replay_is_stored_once(self):
        file = self.record([CODEC_8, CODEC_16, UNREADABLE])
        hilerad = self.start_hilerad(codec="teltonika")
        replay = (BINARIES / "hilera-sim", "replay", file, "--target", f"127.0.0.1:{hilerad.port}")
        for _ in range(2):
            summary = json.loads(run(*replay))
            self.assertEqual((summary["sent"], summary["answers"], summary["sources"]), (3, 2, 1))
        eventually(lambda: hilerad.metrics()["records_duplicate_total"] == 2, "the second replay is stored")
        self.assertEqual(self.count("frame"), 2)
        self.assert_ends_well(hilerad)


if __name__ == "__main__":
    unittest.main()
