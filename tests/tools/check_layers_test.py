"""tools/check-layers finds what it is meant to find, and nothing else."""

import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "check-layers"


class CheckLayers(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        for name in ("greenrt", "db", "ingest", "daemon", "tests"):
            (self.root / name).mkdir()

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def run_tool(self):
        done = subprocess.run([TOOL, self.root], stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout.splitlines()

    def assert_refused(self, path, include):
        self.write(path, f"#pragma once\n  #  include {include}\n")
        status, lines = self.run_tool()
        self.assertEqual(status, 1)
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith(f"{path}:2: "), lines[0])

    def assert_allowed(self, path, include):
        self.write(path, f"#include {include}\n")
        self.assertEqual(self.run_tool(), (0, []))

    def test_every_wrong_direction_is_found(self):
        for area, others in {
            "greenrt": ("db", "ingest", "daemon"),
            "db": ("ingest", "daemon"),
            "ingest": ("db", "daemon"),
        }.items():
            for other in others:
                for path in (f"{area}/a.h", f"{area}/deep/a.cc", f"tests/{area}/a_test.cc"):
                    with self.subTest(path=path, other=other):
                        self.assert_refused(path, f'"{other}/b.h"')
                        (self.root / path).unlink()

    def test_a_source_includes_its_own_header_first(self):
        self.write("daemon/a.h", "#pragma once\n")
        self.write("daemon/a.cc", '#include <vector>\n#include "daemon/a.h"\n')
        self.assertEqual(self.run_tool(), (1, ['daemon/a.cc:1: the first include is to be "daemon/a.h"']))
        self.write("daemon/a.cc", '#include "daemon/a.h"\n#include <vector>\n')
        self.assertEqual(self.run_tool(), (0, []))
        self.write("daemon/a.cc", "int a;\n")
        self.assertEqual(self.run_tool()[0], 1)

    def test_every_right_direction_is_allowed(self):
        for area, others in {
            "greenrt": ("greenrt",),
            "db": ("db", "greenrt"),
            "ingest": ("ingest", "greenrt"),
            "daemon": ("daemon", "db", "ingest", "greenrt"),
        }.items():
            for other in others:
                for path in (f"{area}/a.cc", f"tests/{area}/a_test.cc"):
                    with self.subTest(path=path, other=other):
                        self.assert_allowed(path, f'"{other}/b.h"')

    def test_no_folder_but_a_test_includes_tests(self):
        self.assert_allowed("tests/db/a_test.cc", '"tests/support/server.h"')
        self.assert_refused("db/a.cc", '"tests/support/server.h"')

    def test_tests_share_what_belongs_to_a_folder_that_they_may_know(self):
        self.assert_allowed("tests/daemon/a_test.cc", '"tests/db/server.h"')
        self.assert_refused("tests/db/a_test.cc", '"tests/daemon/a.h"')
        self.assert_refused("tests/db/a_test.cc", '"tests/ingest/a.h"')

    def test_the_mariadb_api_has_one_door(self):
        for name in ("<mysql.h>", "<mysql/mysql.h>", "<mariadb/mysql.h>", "<errmsg.h>"):
            with self.subTest(name=name):
                self.assert_allowed("db/mariadb_api.h", name)
        self.assert_refused("db/connection.cc", "<mysql.h>")
        (self.root / "db/connection.cc").unlink()
        self.assert_refused("tests/db/connection_test.cc", "<mysql.h>")

    def test_beast_meets_greenrt_in_one_header(self):
        for name in ("<boost/beast/core.hpp>", "<boost/asio/buffer.hpp>"):
            with self.subTest(name=name):
                self.assert_allowed("greenrt/beast_stream.h", name)
        self.assert_refused("greenrt/stream.cc", "<boost/beast/core.hpp>")

    def test_ingest_knows_no_database(self):
        for name in ("<sqlite3.h>", "<mysql.h>"):
            with self.subTest(name=name):
                self.assert_refused("ingest/a.cc", name)

    def test_libraries_stay_in_their_folder(self):
        for path, name in (
            ("daemon/a.cc", "<ev.h>"),
            ("db/a.cc", "<boost/context/fiber.hpp>"),
            ("greenrt/a.cc", "<spdlog/spdlog.h>"),
            ("ingest/a.cc", "<prometheus/counter.h>"),
        ):
            with self.subTest(path=path, name=name):
                self.assert_refused(path, name)
                (self.root / path).unlink()

    def test_project_includes_start_at_the_root(self):
        for name in ('"codec.h"', '"../greenrt/hub.h"', "<ingest/codec.h>"):
            with self.subTest(name=name):
                self.assert_refused("ingest/a.cc", name)

    def test_every_problem_is_named(self):
        self.write("greenrt/a.h", '#include <vector>\n#include "db/x.h"\n#include "ingest/y.h"\n')
        status, lines = self.run_tool()
        self.assertEqual(status, 1)
        self.assertEqual([line.split(" ")[0] for line in lines], ["greenrt/a.h:2:", "greenrt/a.h:3:"])

    def test_a_folder_that_is_not_the_project_is_refused(self):
        with tempfile.TemporaryDirectory() as elsewhere:
            done = subprocess.run([TOOL, elsewhere], stderr=subprocess.PIPE, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("not the root", done.stderr)


if __name__ == "__main__":
    unittest.main()
