"""greenrt/gdb.py finds the greenlets of a program and where each one waits: in a live process, and in a core file that
gdb has written of it."""

import pathlib
import re
import subprocess
import tempfile
import unittest

from support import BINARIES, ROOT

PROGRAM = BINARIES / "gdb_parked"
STOP = ["break parked::all_parked", "run"]

# number: thread, name, state, number of the spawner, and the function where it is
PARKED = {
    1: ("1", "main", "running", "hub", "parked::all_parked"),
    2: ("1", "listener", "waits for Event", "1", "parked::in_event"),
    3: ("1", "sleeper", "waits for sleep", "1", "parked::in_sleep"),
    4: ("1", "consumer", "waits for Queue item", "ended", "parked::in_queue"),
    5: ("1", "late", "not begun", "1", ""),
    6: ("2", "main", "waits for the end of 7", "hub", "operator()"),
    7: ("2", "elsewhere", "waits for sleep", "6", "parked::in_sleep"),
}


def gdb(*commands, core=None):
    """What gdb writes to standard output and standard error."""
    arguments = ["gdb", "-q", "-batch", "-nx", "-iex", "set debuginfod enabled off",
                 "-ex", "set width 0", "-ex", f"source {ROOT}/greenrt/gdb.py"]
    for command in commands:
        arguments += ["-ex", command]
    done = subprocess.run([*arguments, PROGRAM, *([core] if core else [])], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=100)
    return done.stdout, done.stderr


def greenlets(output):
    """The table of `info greenlets`, as PARKED, and for how long each one has been in its state."""
    header, *lines = output[output.index("Id  Thread  Name"):].splitlines()
    columns = [0, *(header.index(name) for name in ("Thread", "Name", "State", "For", "Spawner", "Where")), None]
    rows, times = {}, {}
    for line in lines:
        cells = [line[start:end].strip() for start, end in zip(columns, columns[1:])]
        if not cells[0].isdigit():
            break
        where = cells.pop().partition(" at ")[0]
        times[int(cells[0])] = cells.pop(4)
        rows[int(cells[0])] = (*cells[1:], where)
    return rows, times


def functions(output):
    """The names in a backtrace, innermost first, without what they are called with."""
    return re.findall(r"^#\d+ +(?:0x\w+ in )?(operator\(\)|[^( ]+)", output, re.MULTILINE)


class LiveProcess(unittest.TestCase):
    core = None
    before = STOP

    def gdb(self, *commands):
        return gdb(*self.before, *commands, core=self.core)

    def test_the_table_has_every_greenlet_of_every_thread(self):
        output, _ = self.gdb("info greenlets")
        rows, times = greenlets(output)
        self.assertEqual(rows, PARKED)
        self.assertEqual(times.pop(1), "", "it runs")
        for time in times.values():
            self.assertRegex(time, r"^\d+\.\d (ms|s|min|h)$")

    def test_the_table_can_be_searched(self):
        output, _ = self.gdb("info greenlets waits for sleep")
        self.assertEqual(greenlets(output)[0], {number: PARKED[number] for number in (3, 7)})
        output, _ = self.gdb("info greenlets nobody")
        self.assertIn("No greenlets.", output)

    def test_a_backtrace_goes_from_the_wait_to_the_first_function(self):
        output, errors = self.gdb("greenlet 3")
        self.assertIn('Greenlet 3 "sleeper", waits for sleep, of thread 1', output)
        names = functions(output[output.index("Greenlet 3"):])
        self.assertEqual([name for name in names if name.startswith("parked::")], ["parked::in_sleep"] * 4)
        self.assertIn("greenrt::sleep", names[:names.index("parked::in_sleep")])
        self.assertEqual(names[-1], "greenrt::Context::FirstFrame::run")
        self.assertNotIn("Backtrace stopped", output + errors)

    def test_frames_of_a_greenlet_can_be_walked_and_looked_into(self):
        output, _ = self.gdb("greenlet 3", "frame function parked::in_sleep", "up 3", "print level", "greenlet",
                             "backtrace 1")
        after = output[output.index("Greenlet 3"):]
        self.assertIn("$1 = 3", after)
        self.assertEqual(functions(after)[-1], "parked::all_parked", "back in the thread")

    def test_a_command_is_applied_to_all(self):
        output, _ = self.gdb("greenlet apply all backtrace")
        parts = re.split(r"^Greenlet (\d+) ", output, flags=re.MULTILINE)[1:]
        traces = {int(number): functions(trace) for number, trace in zip(parts[::2], parts[1::2])}
        self.assertEqual(traces.keys(), PARKED.keys())
        for number, (_, name, _, _, place) in PARKED.items():
            with self.subTest(name):
                self.assertIn(place, traces[number] or [""])

    def test_a_command_is_applied_to_some(self):
        output, _ = self.gdb("greenlet apply 2 7 frame")
        self.assertEqual(re.findall(r"^Greenlet (\d+) ", output, re.MULTILINE), ["2", "7"])

    def test_what_cannot_be_done_is_said(self):
        for command, message in {
                "greenlet 99": "there is no greenlet 99",
                "greenlet 5": "greenlet 5 has no stack: not begun",
                "greenlet some": "greenlet takes a number",
                "greenlet apply all": "greenlet apply takes",
                "info greenlets (": "not a regular expression",
        }.items():
            with self.subTest(command):
                _, errors = self.gdb(command)
                self.assertIn(message, errors)
                self.assertNotIn("Traceback", errors)


class CoreFile(LiveProcess):
    before = []

    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="hilera-test-")))
        cls.core = folder / "core"
        output, errors = gdb(*STOP, f"gcore {cls.core}")
        if not cls.core.exists():
            raise AssertionError(f"gdb has written no core file: {output}{errors}")


class NothingToLookAt(unittest.TestCase):
    def test_without_a_process_that_is_said(self):
        _, errors = gdb("info greenlets")
        self.assertIn("there is neither a process nor a core file", errors)


if __name__ == "__main__":
    unittest.main()
