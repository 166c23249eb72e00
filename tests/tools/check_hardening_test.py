"""tools/check-hardening: our programs pass it, and it sees what is missing in others."""

import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(os.environ.get("HILERA_BIN", ROOT / "build/release/bin"))

HARDENED = ("-O2", "-fPIE", "-pie", "-fstack-protector-all", "-fcf-protection", "-U_FORTIFY_SOURCE",
            "-D_FORTIFY_SOURCE=2", "-Wl,-z,relro,-z,now")
SOURCE = r"""
#include <cstdio>
#include <cstring>
int main(int argc, char** argv) {
  char text[16];
  std::strcpy(text, argv[argc - 1]);
  return std::printf("%s\n", text) > 0;
}
"""


def check(*programs):
    done = subprocess.run([ROOT / "tools/check-hardening", *programs], stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout


class CheckHardening(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        (cls.folder / "source.cc").write_text(SOURCE, "utf-8")

    def make(self, *flags):
        program = self.folder / "program"
        subprocess.run(["g++", *HARDENED, *flags, "-o", program, self.folder / "source.cc"], check=True)
        return program

    def test_our_programs_are_hardened(self):
        self.assertEqual(check(*(BINARIES / name for name in ("hilerad", "hileractl", "hilera-sim"))), (0, ""))

    def test_one_that_is_stripped_can_be_checked_too(self):
        self.assertEqual(check(self.make("-s")), (0, ""))
        self.assertIn("-fcf-protection", check(self.make("-s", "-fcf-protection=none"))[1])

    def test_each_thing_that_is_missing_is_named(self):
        self.assertEqual(check(self.make()), (0, ""))
        for flags, wanted in {
            ("-no-pie", "-fno-pie"): "is not position independent",
            ("-Wl,-z,norelro",): "has relocations that can be overwritten",
            ("-Wl,-z,lazy",): "binds its functions late",
            ("-Wl,-z,execstack",): "has a segment that can be written and run",
            ("-Wl,-rpath,/tmp",): "has a search path for libraries",
            ("-fno-stack-protector",): "has no stack protector",
            ("-U_FORTIFY_SOURCE",): "has no checked string functions",
            ("-fcf-protection=none",): "has no landing pads",
        }.items():
            status, said = check(self.make(*flags))
            self.assertEqual((status, said.count("\n")), (1, 1), (flags, said))
            self.assertIn(wanted, said)


if __name__ == "__main__":
    unittest.main()
