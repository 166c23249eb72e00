"""hileractl top: on a terminal, and as lines; and the progress of what takes long."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

from devices import Device, native_frame
from support import BINARIES, PATIENCE, SystemTest, eventually, hileractl

ALTERNATE, USUAL = "\x1b[?1049h", "\x1b[?1049l"


class Terminal:
    """hileractl on a pseudo-terminal of its own."""

    def __init__(self, *arguments, rows=50, columns=160, **streams):
        self.keyboard, terminal = pty.openpty()
        self.terminal = terminal
        self.before = termios.tcgetattr(terminal)
        self.resize(rows, columns, None)
        streams = {"stdin": terminal, "stdout": terminal, "stderr": terminal, **streams}
        self.process = subprocess.Popen([BINARIES / "hileractl", *map(str, arguments)], start_new_session=True,
                                        **streams)
        self.text = ""

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.keyboard)
        os.close(self.terminal)

    def read(self):
        """All that was written so far."""
        while select.select([self.keyboard], [], [], 0)[0]:
            self.text += os.read(self.keyboard, 65536).decode("utf-8")
        return self.text

    def last_screen(self):
        return self.read().rpartition("\x1b[H")[2]

    def wait_for(self, words, since=0):
        eventually(lambda: words in self.read()[since:], f"hileractl shows {words!r}")

    def resize(self, rows, columns, process):
        fcntl.ioctl(self.keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if process:
            process.send_signal(signal.SIGWINCH)

    def press(self, key):
        os.write(self.keyboard, key)

    def end(self):
        """The exit status; the terminal is as it was."""
        eventually(lambda: self.read() is not None and self.process.poll() is not None, "hileractl has ended")
        assert termios.tcgetattr(self.terminal) == self.before, "the terminal is not as it was"
        return self.process.returncode


class Top(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def setUp(self):
        self.hilerad = self.start_hilerad()
        self.wait_until_ready(self.hilerad)

    def terminal(self, *arguments, **options):
        terminal = Terminal("--control", self.hilerad.control, *arguments, **options)
        self.addCleanup(terminal.close)
        return terminal

    def test_a_screen_that_follows_hilerad_through_its_end_and_its_return(self):
        self.trial.start_simulator(self.hilerad.port, devices=20, rate=300, seconds=300, log=False)
        top = self.terminal("top", "--interval", "100ms")
        top.wait_for(ALTERNATE)
        top.wait_for("all is well")
        eventually(lambda: re.search(r"trial +native +\S+ +[1-9][0-9]+ ", top.last_screen()), "the rate is shown")
        self.hilerad.kill()
        top.wait_for("hilerad does not answer")
        since = len(top.text)
        self.hilerad = self.start_hilerad()
        top.wait_for(": all is well", since)
        top.press(b"x")
        top.press(b"q")
        self.assertEqual(top.end(), 0)
        self.assertTrue(top.text.endswith(USUAL), top.text[-40:])

    def test_it_is_cut_to_the_terminal_whatever_its_size_becomes(self):
        top = self.terminal("top", "--interval", "1h", rows=10, columns=40)
        top.wait_for("listener")
        for rows, columns in ((4, 30), (60, 200)):
            since = len(top.read())
            top.resize(rows, columns, top.process)
            eventually(lambda: top.read()[since:].endswith("\x1b[J"), "it is drawn again")
            lines = re.sub(r"\x1b\[[A-Z]|\r", "", top.last_screen()).split("\n")
            self.assertLessEqual(len(lines), rows)
            self.assertLessEqual(max(map(len, lines)), columns)
        self.assertIn("q ends", top.text)
        top.press(b"q")
        self.assertEqual(top.end(), 0)

    def test_a_signal_gives_the_terminal_back(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            top = self.terminal("top")
            top.wait_for("all is well")
            if number == signal.SIGINT:
                top.process.send_signal(number)
            else:
                os.kill(top.process.pid, number)
            self.assertEqual(top.end(), 0)
            self.assertTrue(top.text.endswith(USUAL))

    def test_a_signal_is_heard_while_hilerad_does_not_answer(self):
        self.hilerad.child.send_signal(signal.SIGSTOP)
        self.addCleanup(self.hilerad.child.send_signal, signal.SIGCONT)
        top = self.terminal("top")
        top.wait_for(ALTERNATE)
        top.press(b"q")
        began = time.monotonic()
        self.assertEqual(top.end(), 0)
        self.assertLess(time.monotonic() - began, PATIENCE)

    def test_without_a_terminal_it_prints_a_line_for_each_interval(self):
        with Device(self.hilerad.port) as device:
            device.ask(native_frame("one", 1))
        arguments = ["--control", self.hilerad.control, "top", "--count", "2", "--interval", "100ms"]
        lines = hileractl(*arguments).splitlines()
        self.assertEqual(len(lines), 3)
        self.assertTrue(lines[0].split()[0] == "received/s" and lines[0].endswith("state"), lines)
        self.assertTrue(all(line.endswith("all is well") for line in lines[1:]), lines)

        for line in map(json.loads, hileractl(*arguments, "--json").splitlines()):
            self.assertEqual((line["answers"], line["well"], line["problems"]), (True, True, []))
            self.assertEqual(line["rates"]["listeners"], {"trial": 0})

    def test_a_hilerad_that_is_away_is_said_to_be_in_the_lines_and_by_the_status(self):
        self.hilerad.kill()
        arguments = ["--control", self.hilerad.control, "top", "--count", "2", "--interval", "100ms", "--json"]
        done = subprocess.run([BINARIES / "hileractl", *arguments], stdout=subprocess.PIPE, text=True, check=False,
                              timeout=PATIENCE)
        self.assertEqual(done.returncode, 69)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([line["answers"] for line in lines], [False, False])
        self.assertIn(self.hilerad.control, lines[0]["error"])

    def test_a_reader_that_leaves_ends_it(self):
        with subprocess.Popen([BINARIES / "hileractl", "--control", self.hilerad.control, "top", "--interval", "100ms"],
                              stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as top:
            top.stdout.readline()
            top.stdout.close()
            self.assertEqual(top.wait(PATIENCE), 0)

    def test_an_export_shows_its_progress_on_a_terminal_and_nowhere_else(self):
        self.hilerad.terminate()
        self.hilerad = self.start_hilerad(journal={"directory": str(self.folder / "exported")})
        self.trial.start_simulator(self.hilerad.port, devices=50, rate=0, frames=3000, log=False).wait(PATIENCE)
        export = ["journal", "export"]
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(open(self.folder / "records", "wb"))
            terminal = self.terminal(*export, stdin=subprocess.DEVNULL, stdout=file)
            self.assertEqual(terminal.end(), 0)
        self.assertRegex(terminal.text, r"\d+ of 3\d\d\d \(\d+ %\), \d+ a second")
        self.assertTrue(terminal.text.endswith("\r\x1b[K"), terminal.text[-60:])
        records = (self.folder / "records").read_text(encoding="utf-8").splitlines()
        self.assertEqual(len(records), 3000)
        done = subprocess.run([BINARIES / "hileractl", "--control", self.hilerad.control, *export], check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_so_does_a_replay(self):
        self.sql("CREATE TRIGGER refuse BEFORE INSERT ON frame FOR EACH ROW IF NEW.nserie = 'cursed' THEN "
                 "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF")
        self.addCleanup(self.sql, "DROP TRIGGER IF EXISTS refuse")
        with Device(self.hilerad.port) as device:
            for number in (1, 2, 3):
                device.ask(native_frame("cursed", number))
        eventually(lambda: self.count("dead_letter") == 3, "the records are refused")
        self.sql("DROP TRIGGER refuse")
        with open(self.folder / "replays", "wb") as file:
            terminal = self.terminal("dead-letter", "replay", "--all", stdin=subprocess.DEVNULL, stdout=file)
            self.assertEqual(terminal.end(), 0)
        self.assertIn("3 of 3 (100 %), ", terminal.text)
        self.assertTrue(terminal.text.endswith("\x1b[K3 replayed\r\n"), terminal.text)


if __name__ == "__main__":
    unittest.main()
