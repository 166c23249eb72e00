"""The documents say what is so: links, files, commands with their options, configuration, metrics, fields, quotes."""

import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import trial  # noqa: E402

BINARIES = pathlib.Path(os.environ.get("HILERA_BIN", trial.BINARIES)).absolute()
PROGRAMS = ("hilerad", "hileractl", "hilera-sim")
DOCUMENTS = [ROOT / name for name in subprocess.run(
    ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], stdout=subprocess.PIPE,
    text=True, check=True).stdout.splitlines()] if (ROOT / ".git").exists() else sorted(ROOT.rglob("*.md"))
# Names that begin as metrics do and are none: of the header for devices, of targets, of databases' accounts.
OTHER_NAMES = re.compile(r"hilera_(acked|frame|begin|end|put_\w+|read|items|message|device|purge|schema|program|"
                         r"library|test|example|target_options|ingest|daemon|greenrt|db|with_meter)")


def text_of(document):
    return document.read_text(encoding="utf-8")


def fences(text):
    """Language and text of each block of code."""
    return [(match[1], match[2]) for match in re.finditer(r"(?ms)^```(\w*)\n(.*?)^```$", text)]


def prose(text):
    return re.sub(r"(?ms)^```\w*\n.*?^```$", "", text)


def code_spans(text):
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(text))]


def anchors(document):
    """The names that GitHub gives to headings."""
    found = set()
    for heading in re.findall(r"(?m)^#+ (.+)$", prose(text_of(document))):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", words).replace(" ", "-"))
    return found


@functools.cache
def help_of(program, *subcommand):
    done = subprocess.run([BINARIES / program, *subcommand, "--help"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    return done.stdout


def known_options(text):
    return set(re.findall(r"(?m)^ +(?:-\w,)?(--[a-z-]+)", text)) | {"--help"}


def known_subcommands(text):
    return re.findall(r"(?m)^  ([a-z][a-z-]*) ", text.partition("\nSubcommands:\n")[2])


def commands(text):
    """The commands of ours in a document, each as words: lines of its blocks, and of what stands in backquotes."""
    lines = [line.strip() for language, block in fences(text) if language in ("", "sh", "bash")
             for line in block.replace("\\\n", " ").splitlines()]
    for line in lines + code_spans(text):
        for part in re.split(r"\||&&|;|\$\(", re.sub(r"\s#.*", "", line)):
            words = [word for word in part.split() if not re.fullmatch(r"\w+=\S*|sudo|exec", word)]
            if words and (words[0] in PROGRAMS or re.fullmatch(r"(\./)?tools/[\w-]+", words[0])):
                yield words


def wrong_words(words):
    """What is wrong with a command of hilerad, hileractl or hilera-sim, as far as --help can tell."""
    program, subcommand = words[0], []
    options = known_options(help_of(program))
    wrong = []
    for word in words[1:]:
        # Alternatives, as in `journal info|export`, and those after it, have been split off.
        if word.startswith("--"):
            name = re.match(r"--[a-z-]*", word)[0]
            if name not in options:
                wrong.append(f"{name} of {' '.join([program, *subcommand])}")
        elif re.fullmatch(r"[a-z][a-z-]*", word) and known_subcommands(help_of(program, *subcommand)):
            if word in known_subcommands(help_of(program, *subcommand)):
                subcommand.append(word)
                options |= known_options(help_of(program, *subcommand))
            elif not words[words.index(word) - 1].startswith("--"):
                wrong.append(f"{word} of {' '.join([program, *subcommand])}")
    return wrong


class Links(unittest.TestCase):
    def test_every_link_leads_somewhere(self):
        number = 0
        for document in DOCUMENTS:
            for target in re.findall(r"\[[^]]*\]\(([^)\s]+)\)", prose(text_of(document))):
                if re.match(r"[a-z]+:", target):
                    continue
                number += 1
                name, _, anchor = target.partition("#")
                file = (document.parent / name) if name else document
                with self.subTest(document=document.name, target=target):
                    self.assertTrue(file.exists())
                    if anchor:
                        self.assertIn(anchor, anchors(file))
        self.assertGreater(number, 30)

    def test_every_document_of_the_folder_is_linked_from_the_readme(self):
        readme = text_of(ROOT / "README.md")
        for document in [*sorted((ROOT / "docs").glob("*.md")), *(ROOT / f"{name}.md" for name in
                                                                  ("SECURITY", "CONTRIBUTING", "CHANGELOG"))]:
            self.assertTrue(f"]({document.relative_to(ROOT)})" in readme, document.name)

    def test_every_file_that_is_named_exists(self):
        folders = "|".join(each.name for each in ROOT.iterdir()
                           if each.is_dir() and each.name not in ("build", ".git"))
        number = 0
        for document in DOCUMENTS:
            for span in code_spans(text_of(document)):
                for name in re.findall(rf"(?<![\w/.])(?:{folders})/[\w./@-]*\w(?!\*|[\w/]*\*)", span):
                    number += 1
                    with self.subTest(document=document.name, file=name):
                        self.assertTrue((ROOT / name).exists() or list(ROOT.glob(f"{name}.*")))
        self.assertGreater(number, 50)


class Commands(unittest.TestCase):
    def test_the_programs_know_what_the_documents_have_them_do(self):
        number = 0
        for document in DOCUMENTS:
            for words in commands(text_of(document)):
                if words[0] in PROGRAMS:
                    number += 1
                    with self.subTest(document=document.name, command=" ".join(words)):
                        self.assertEqual(wrong_words(words), [])
        self.assertGreater(number, 50)

    def test_the_scripts_exist_and_know_their_options(self):
        number = 0
        for document in DOCUMENTS:
            for words in commands(text_of(document)):
                if words[0] in PROGRAMS:
                    continue
                script = ROOT / words[0].removeprefix("./")
                number += 1
                with self.subTest(document=document.name, command=" ".join(words)):
                    self.assertTrue(os.access(script, os.R_OK))
                    sources = text_of(script)
                    if script.with_suffix(".py").exists():
                        sources += text_of(script.with_suffix(".py"))
                    for option in (word for word in words[1:] if word.startswith("--")):
                        self.assertIn(option.partition("=")[0], sources)
        self.assertGreater(number, 10)

    def test_this_test_finds_what_is_wrong(self):
        self.assertEqual(wrong_words("hileractl dead-letter list --reason conflict --limit 3".split()), [])
        self.assertEqual(wrong_words("hileractl dead-letter list --colour".split()),
                         ["--colour of hileractl dead-letter list"])
        self.assertEqual(wrong_words("hileractl funeral".split()), ["funeral of hileractl"])
        self.assertEqual(wrong_words("hilerad --decode a.pcap --colour".split()), ["--colour of hilerad"])


class Configuration(unittest.TestCase):
    # What an example that is about something else leaves out.
    NEEDED = {"listeners": [{"name": "native", "codec": "native", "address": "127.0.0.1", "port": 5600}]}

    def test_every_example_is_taken(self):
        number = 0
        for document in DOCUMENTS:
            for language, block in fences(text_of(document)):
                if language != "yaml":
                    continue
                number += 1
                with self.subTest(document=document.name, block=block), tempfile.TemporaryDirectory() as folder:
                    config = {**self.NEEDED, **yaml.safe_load(block)}
                    for i, listener in enumerate(config["listeners"]):
                        for key in ("keys_file", "devices_file"):
                            if key in listener:
                                file = pathlib.Path(folder) / f"{key}{i}"
                                file.touch(0o600)
                                listener[key] = str(file)
                    if "database" in config and not {"hosts", "socket"} & set(config["database"]):
                        config["database"]["socket"] = "/run/mysqld/mysqld.sock"
                    if config.get("database", {}).get("password_file", "").startswith("/"):
                        file = pathlib.Path(folder) / "db-password"
                        file.write_text("secret\n", "utf-8")
                        config["database"]["password_file"] = str(file)
                    file = pathlib.Path(folder) / "hilera.yaml"
                    file.write_text(json.dumps(config), "utf-8")
                    done = subprocess.run([BINARIES / "hilerad", "--check-config", "--config", file], text=True,
                                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
                    self.assertEqual(done.returncode, 0, done.stdout)
        self.assertGreater(number, 3)

    def test_every_option_that_is_named_exists(self):
        known = set(re.findall(r"(?m)^\| `([a-z_.]+)` \|", text_of(ROOT / "docs/configuration.md")))
        sections = {name.split(".")[0] for name in known} - {"control", "log"}  # names of files begin with these, too
        number = 0
        for document in DOCUMENTS:
            for span in code_spans(text_of(document)):
                if re.fullmatch(rf"(?:{'|'.join(sections)})\.[a-z_]+", span) and span not in known:
                    # Fields of /status are named in the same way.
                    self.assertEqual(document.name, "interfaces.md", span)
                number += span in known
        self.assertGreater(number, 20)


class Metrics(unittest.TestCase):
    def test_every_metric_that_is_named_exists(self):
        known = set(re.findall(r"(?m)^\| `(hilera_\w+)` \|", text_of(ROOT / "docs/metrics.md")))
        self.assertGreater(len(known), 50)
        number = 0
        for document in DOCUMENTS:
            for name in re.findall(r"\bhilera_[a-z0-9_]+\b(?!\.)", text_of(document)):
                name = re.sub(r"_(bucket|sum|count)$", "", name)
                if OTHER_NAMES.fullmatch(name):
                    continue
                number += 1
                with self.subTest(document=document.name, metric=name):
                    self.assertTrue(name in known)
        self.assertGreater(number, 80)

    def test_the_generated_pages_are_up_to_date(self):
        done = subprocess.run([ROOT / "tools/reference", "--check"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, "run tools/reference\n" + done.stdout)


class Interfaces(unittest.TestCase):
    def test_every_field_of_status_that_is_named_exists(self):
        with tempfile.TemporaryDirectory(prefix="hilera-test-", dir="/tmp") as name:
            folder = pathlib.Path(name)
            hilerad = trial.Hilerad(folder, BINARIES, {
                "listeners": [{"name": "native", "codec": "native", "address": "127.0.0.1", "port": 0}],
                "journal": {"directory": str(folder / "journal")}, "database": {"socket": str(folder / "nobody")},
                "http": {"port": 0}, "control": {"socket": str(folder / "control")}})
            self.addCleanup(hilerad.kill)
            status = json.loads(hilerad.get("/status"))
        table = text_of(ROOT / "docs/interfaces.md").partition("### Fields of /status")[2].partition("\n## ")[0]
        number = 0
        for first_cell, meaning in re.findall(r"(?m)^\| (`.+?) \| (.*) \|$", table):
            section = ""
            for name in re.findall(r"`([^`]+)`", first_cell):
                if name.startswith("."):
                    name = section + name
                section = name.rpartition(".")[0]
                value = self.value(status, name)
                number += 1
                if name in ("ledger.intake", "ledger.store", "database.connections", "downlink"):
                    for field in re.findall(r"`(\w+)`", meaning):
                        self.assertIn(field, value)
        self.assertGreater(number, 40)

    def value(self, document, path):
        for part in path.split("."):
            name = part.removesuffix("[]")
            self.assertIn(name, document, path)
            document = document[name][0] if part.endswith("[]") else document[name]
        return document


class Words(unittest.TestCase):
    """What the programs say, where a document says that they say it."""

    SOURCES = "".join(text_of(file) for folder in ("daemon", "greenrt", "ingest")
                      for file in (ROOT / folder).rglob("*.[ch]*"))

    def test_every_reason_of_readyz(self):
        table = text_of(ROOT / "docs/interfaces.md").partition("### Reasons of /readyz")[2].partition("\n###")[0]
        reasons = re.findall(r"(?m)^\| `([^`]+)`", table)
        self.assertEqual(len(reasons), 3)
        for reason in reasons:
            self.assertIn(f'"{reason.removeprefix("journal: ") or reason}"', self.SOURCES)

    def test_every_event_of_the_log_and_every_problem(self):
        number = 0
        for span in code_spans(text_of(ROOT / "docs/operations.md")):
            if re.fullmatch(r"\w+_(small|blocked|progress|unavailable|stopped|balance|failed)", span):
                number += 1
                self.assertIn(f'"{span}"', self.SOURCES)
        self.assertGreater(number, 6)

    def test_every_reason_to_reject_or_drop(self):
        metrics = text_of(ROOT / "docs/metrics.md")
        table = text_of(ROOT / "docs/protocols.md").partition("## Refused for who sent it")[2]
        common = re.search(r"(?m)^\| all \| (.*) \|$", metrics)[1].split(", ")
        self.assertEqual(sorted(re.findall(r"(?m)^\| `(\w+)`", table)), sorted(common))

        dropped = re.search(r"`hilera_datagrams_dropped_total` .*?`reason`: ([\w, ]+) \|", metrics)[1].split(", ")
        operations = text_of(ROOT / "docs/operations.md").partition("### Datagrams are dropped")[2]
        cells = re.findall(r"(?m)^\| reason (.*?) \|", operations.partition("\n###")[0])
        named = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
        self.assertEqual(sorted(named), sorted(dropped))

    def test_the_newest_version_of_the_changelog_is_the_one_that_is_built(self):
        newest = re.search(r"(?m)^## \[(.+?)\]", text_of(ROOT / "CHANGELOG.md"))[1]
        done = subprocess.run([BINARIES / "hilerad", "--version"], stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(done.stdout, f"hilerad {newest}\n")

    def test_every_exit_status(self):
        table = text_of(ROOT / "docs/interfaces.md").partition("## Exit status")[2].partition("\n## ")[0]
        self.assertEqual(re.findall(r"(?m)^\| (\d+) \|", table),
                         re.findall(r"kExit\w+ = (\d+);", text_of(ROOT / "daemon/exit_codes.h")))


class Quotes(unittest.TestCase):
    def test_what_is_quoted_from_a_file_is_its_text(self):
        """A block of code behind `From [FILE](..):` has the lines of that file, whole ones, in one piece."""
        number = 0
        for document in DOCUMENTS:
            for target, block in re.findall(r"(?ms)\bFrom\s\[[^]]*\]\(([^)]+)\):\n\n```\w*\n(.*?)^```$",
                                            text_of(document)):
                number += 1
                with self.subTest(document=document.name, file=target):
                    self.assertIn("\n" + block, "\n" + text_of(document.parent / target))
        self.assertGreater(number, 3)


if __name__ == "__main__":
    unittest.main()
