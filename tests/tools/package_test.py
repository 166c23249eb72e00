"""The Debian package and what goes into it: what it holds, and that manual pages and completion know every option that
the programs have. That it can be installed, upgraded and removed is tried by tools/package --prove."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(os.environ.get("HILERA_BIN", ROOT / "build/release/bin"))

def links_of(page):
    """The files that a page of Markdown links to."""
    links = re.findall(r"\]\(([^):#\s]+)[^):]*\)", page.read_text("utf-8"))
    return [pathlib.Path(os.path.normpath(page.parent / link)) for link in links]


def documents():
    """README.md, docs/, and all that can be reached from there."""
    found = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    for page in found:
        if page.suffix == ".md":
            found += [file for file in dict.fromkeys(links_of(page)) if file not in found]
    return found


PROGRAMS = {"hilerad": 8, "hileractl": 1, "hilera-sim": 1}
FILES = {
    *(f"usr/bin/{program}" for program in PROGRAMS),
    *(f"usr/share/man/man{section}/{program}.{section}.gz" for program, section in PROGRAMS.items()),
    *(f"usr/share/bash-completion/completions/{program}" for program in PROGRAMS),
    *(f"usr/share/doc/hilera/{name}" for name in ("README.Debian", "changelog.Debian.gz", "copyright",
                                                     "hilera.cdx.json")),
    *(f"usr/lib/systemd/system/{name}" for name in ("hilera.service", "hilera@.service", "hilera.socket",
                                                   "hilera-purge.service", "hilera-purge.timer")),
    *(f"usr/share/doc/hilera/{file.relative_to(ROOT)}" for file in documents()),
    "etc/hilera/hilera.yaml", "usr/lib/sysusers.d/hilera.conf", "usr/lib/tmpfiles.d/hilera.conf",
    *(f"usr/share/hilera/{name}" for name in ("schema.sql", "purge.sql", "alerts.yml", "hilera.json")),
    "usr/share/man/man5/hilera.yaml.5.gz",
}


def output(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options).stdout


def help_of(program, *commands):
    return output(BINARIES / program, *commands, "--help")


def subcommands(text):
    return re.findall(r"(?m)^  ([a-z][a-z-]*) ", text.partition("\nSubcommands:\n")[2])


def every_help(program, *commands):
    """The help of a program and of all of its subcommands, each with its place."""
    text = help_of(program, *commands)
    yield commands, text
    for name in subcommands(text):
        yield from every_help(program, *commands, name)


def options(text):
    return set(re.findall(r"(?m)^ +(?:-\w,)?(--[a-z-]+)", text))


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        output("cpack", "-G", "DEB", "-B", cls.folder, cwd=BINARIES.parent)
        cls.package, = cls.folder.glob("hilera_*_amd64.deb")

    def field(self, name):
        return output("dpkg-deb", "-f", self.package, name).strip()

    def test_it_has_what_it_should_and_nothing_else(self):
        listing = [line.split(None, 5) for line in output("dpkg-deb", "-c", self.package).splitlines()]
        self.assertEqual({name[2:] for mode, *_, name in listing if mode[0] != "d"}, FILES)
        for mode, owner, *_, name in listing:
            expected = "-rwxr-xr-x" if name.startswith("./usr/bin/") else "-rw-r--r--"
            self.assertEqual((mode, owner), ("drwxr-xr-x" if name.endswith("/") else expected, "root/root"), name)

    def test_links_in_its_documents_lead_somewhere(self):
        folder = self.folder / "content"
        output("dpkg-deb", "-x", self.package, folder)
        pages = list((folder / "usr/share/doc/hilera").rglob("*.md"))
        self.assertGreater(len(pages), 10)
        for page in pages:
            for file in links_of(page):
                self.assertTrue(file.is_file(), f"{page.relative_to(folder)} links to {file.relative_to(folder)}")

    def test_what_an_administrator_changes_is_kept(self):
        control = self.folder / "control"
        output("dpkg-deb", "-e", self.package, control)
        self.assertEqual((control / "conffiles").read_text("utf-8"), "/etc/hilera/hilera.yaml\n")
        for script in ("postinst", "prerm", "postrm"):
            output("sh", "-n", control / script)

    def test_it_depends_on_the_libraries_that_it_is_linked_with(self):
        depends = self.field("Depends")
        for library in ("libmariadb3", "libsodium23", "libev4", "libboost-context1.74.0", "libsqlite3-0"):
            self.assertIn(library + " ", depends)

    def test_its_version_is_that_of_the_programs_and_of_the_changelog(self):
        version = self.field("Version")
        self.assertEqual(output(BINARIES / "hilerad", "--version").strip(),
                         "hilerad " + version.partition("-")[0])
        first = (ROOT / "packaging/changelog").read_text("utf-8").splitlines()[0]
        self.assertIn(f"hilera ({version}) ", first)


class ManualPages(unittest.TestCase):
    def test_they_name_every_command_and_option(self):
        for program, section in PROGRAMS.items():
            page = (ROOT / f"man/{program}.{section}").read_text("utf-8").replace("\\-", "-")
            for commands, text in every_help(program):
                about = page
                if commands and not subcommands(text):
                    title = f"\n.SS {program} {' '.join(commands)}"
                    self.assertIn(title, page)
                    about = page.partition(title)[2]
                for option in options(text) - ({"--help"} if commands else set()):
                    self.assertRegex(about, re.escape(option) + r"\b(?!-)", (program, *commands))

    def test_they_name_no_option_that_does_not_exist(self):
        for program, section in PROGRAMS.items():
            page = (ROOT / f"man/{program}.{section}").read_text("utf-8").replace("\\-", "-")
            known = set().union(*(options(text) for _, text in every_help(program)))
            self.assertLessEqual(set(re.findall(r"(?m)^\.[A-Z]+ .*?(--[a-z-]+)", page.partition(".SH OPTIONS")[2]
                                                .partition(".SH EXIT")[0])), known, program)

    def test_the_one_of_the_configuration_has_every_option(self):
        page = output("/usr/bin/python3", ROOT / "man/config-page", ROOT / "config/hilera.yaml")
        keys = set(re.findall(r"(?m)^(?: *# )?  +([a-z_]+):", (ROOT / "config/hilera.yaml").read_text("utf-8")))
        self.assertGreater(len(keys), 30)
        self.assertEqual(keys - set(re.findall(r"(?m)^\.B .*?([a-z_]+)$", page)), set())

    def test_every_option_of_the_configuration_is_explained(self):
        page = output("/usr/bin/python3", ROOT / "man/config-page", ROOT / "config/hilera.yaml")
        for name, explanation in re.findall(r"(?m)^\.TP\n\.B (\S+)\n(.*)$", page):
            self.assertRegex(explanation, r"^.{15,}\.$", name)


class Completion(unittest.TestCase):
    def complete(self, *words):
        """What bash offers for the last of the words."""
        script = ('. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hilera; '
                  '((${#COMPREPLY[@]} == 0)) || printf "%s\\n" "${COMPREPLY[@]}"')
        program, *rest = words
        return set(output("bash", "-c", script, "bash", ROOT / "packaging/completion.bash", BINARIES / program, *rest)
                   .split())

    def test_it_knows_every_command_and_option(self):
        for program in PROGRAMS:
            for commands, text in every_help(program):
                self.assertEqual(self.complete(program, *commands, "--"), options(text))
                self.assertEqual(self.complete(program, *commands, ""), set(subcommands(text)))

    def test_it_knows_the_values_of_a_choice(self):
        self.assertEqual(self.complete("hileractl", "downlink", "list", "--state", "e"), {"expired"})
        self.assertLessEqual({"native", "teltonika"}, self.complete("hilera-sim", "--codec", ""))

    def test_it_offers_files_where_a_file_is_meant(self):
        self.assertIn(str(ROOT / "systemd"), self.complete("hilerad", "--config", f"{ROOT}/syst"))

    def test_what_is_typed_is_no_pattern(self):
        self.assertEqual(self.complete("hileractl", ".*", "st"), {"status"})


if __name__ == "__main__":
    unittest.main()
