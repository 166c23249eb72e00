"""What surrounds the programs fits them: the systemd units, accounts and folders, the container files, Prometheus."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(os.environ.get("HILERA_BIN", ROOT / "build/release/bin"))
UNIT = ROOT / "systemd" / "hilera.service"
TEMPLATE = ROOT / "systemd" / "hilera@.service"
SOCKET = ROOT / "systemd" / "hilera.socket"
PURGE = ROOT / "systemd" / "hilera-purge.service"
TIMER = ROOT / "systemd" / "hilera-purge.timer"


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)


def unit_directives(text):
    return [line for line in text.splitlines() if line and not line.startswith("#")]


class SystemdUnits(unittest.TestCase):
    def test_their_exposure_stays_below_one_and_a_half(self):
        for unit in (UNIT, TEMPLATE, PURGE):
            done = run("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", unit)
            self.assertEqual(done.returncode, 0, done.stdout[-200:])

    def test_systemd_finds_nothing_wrong_with_them(self):
        with tempfile.TemporaryDirectory() as folder:
            for unit in (UNIT, TEMPLATE, SOCKET, PURGE, TIMER):
                text = re.sub("/usr/bin/(hilera(d|ctl)|mariadb)", shutil.which("true"), unit.read_text(encoding="utf-8"))
                (pathlib.Path(folder) / unit.name).write_text(text, "utf-8")
            for name in ("hilera.service", "hilera@one.service", "hilera.socket", "hilera-purge.timer"):
                done = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"{folder}/{name}",
                           env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"})
                about_it = [line for line in done.stdout.splitlines() if "hilera" in line]
                self.assertEqual((done.returncode, about_it), (0, []), name)

    def test_they_never_require_the_database(self):
        for unit in (UNIT, TEMPLATE):
            for directive in ("Requires", "BindsTo", "PartOf", "Requisite"):
                self.assertNotRegex(unit.read_text(encoding="utf-8"), rf"(?m)^{directive}=")

    def test_no_number_of_failed_starts_ends_them(self):
        """A limit of starts closes the sockets of hilera.socket; a status that prevents the restart leads to it."""
        for unit in (UNIT, TEMPLATE):
            before_service = unit_directives(unit.read_text("utf-8").partition("[Service]")[0])
            self.assertIn("StartLimitIntervalSec=0", before_service, unit.name)
            directives = unit_directives(unit.read_text("utf-8"))
            self.assertIn("Restart=on-failure", directives, unit.name)
            self.assertNotRegex("\n".join(directives), r"(?m)^RestartPreventExitStatus=", unit.name)

    def test_the_template_is_the_unit_with_other_names(self):
        """So that a line that hardens one hardens both."""
        directives = unit_directives(TEMPLATE.read_text("utf-8").replace(" (%i)", "").replace("hilera-%i", "hilera")
                                     .replace("%i.yaml", "hilera.yaml").replace("%i.db-password", "db-password"))
        self.assertEqual(directives, unit_directives(UNIT.read_text("utf-8")))

    def test_the_sockets_are_those_of_the_reference_configuration(self):
        listeners = yaml.safe_load((ROOT / "config/hilera.yaml").read_text("utf-8"))["listeners"]
        sockets = re.findall(r"(?m)^ListenDatagram=(\S+)$", SOCKET.read_text("utf-8"))
        self.assertEqual(sockets, [f"{each['address']}:{each['port']}" for each in listeners])
        buffer = re.search(r"(?m)^ReceiveBuffer=(\d+)M$", SOCKET.read_text("utf-8"))[1]
        self.assertEqual({each["receive_buffer"] for each in listeners}, {f"{buffer}MiB"})


class AccountsAndFolders(unittest.TestCase):
    def test_they_can_be_made_on_an_empty_system(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "etc").mkdir()
            (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n", "utf-8")
            (root / "etc/group").write_text("root:x:0:\n", "utf-8")
            accounts = run("systemd-sysusers", f"--root={root}", "-",
                           input=(ROOT / "systemd/hilera.sysusers").read_text("utf-8"))
            self.assertEqual(accounts.returncode, 0, accounts.stdout)
            self.assertRegex((root / "etc/passwd").read_text("utf-8"), r"(?m)^hilera:.*:/usr/sbin/nologin$")
            done = run("systemd-tmpfiles", f"--root={root}", "--create", "-",
                       input=(ROOT / "systemd/hilera.tmpfiles").read_text("utf-8"))
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertEqual((root / "etc/hilera").stat().st_mode & 0o777, 0o750)


class Containers(unittest.TestCase):
    def setUp(self):
        self.compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))

    def test_every_file_that_is_mounted_exists(self):
        mounts = [volume.split(":")[0] for service in self.compose["services"].values()
                  for volume in service.get("volumes", [])]
        files = [mount for mount in mounts if mount.startswith("./")]
        self.assertTrue(files)
        for file in files:
            self.assertTrue((ROOT / file).is_file(), file)
        volumes = {mount for mount in mounts if not mount.startswith("./")}
        self.assertEqual(volumes, set(self.compose["volumes"]))

    def test_every_dependency_is_a_service(self):
        for service in self.compose["services"].values():
            self.assertLessEqual(set(service.get("depends_on", {})), set(self.compose["services"]))

    def test_who_reads_the_secrets_waits_until_they_are_there(self):
        made = {"condition": "service_completed_successfully"}
        readers = {name: service for name, service in self.compose["services"].items()
                   if any(volume.startswith("secrets:") for volume in service.get("volumes", []))}
        self.assertIn("hilera", readers)
        for name, service in readers.items():
            if name != "secrets":
                self.assertEqual(service.get("depends_on", {}).get("secrets"), made, name)

    def test_hilera_starts_whatever_the_database_does(self):
        self.assertEqual(set(self.compose["services"]["hilera"]["depends_on"]), {"secrets"})

    def test_only_who_runs_hilerad_is_asked_whether_it_is_alive(self):
        for name, service in self.compose["services"].items():
            if service["image"] == "hilera" and name != "hilera":
                self.assertEqual(service.get("healthcheck"), {"disable": True}, name)

    # A tmpfs there would have to be given to uid 990, in words that podman refuses; a volume takes the image's owner.
    def test_what_hilera_writes_outside_of_its_image_are_volumes(self):
        service = self.compose["services"]["hilera"]
        self.assertTrue(service["read_only"])
        written = [volume.split(":")[1] for volume in service["volumes"] if not volume.endswith(":ro")]
        self.assertEqual(written, ["/var/lib/hilera", "/run/hilera"])
        self.assertNotIn("tmpfs", service)

    def test_prometheus_asks_under_a_name_that_hilera_answers_to(self):
        hilera = yaml.safe_load((ROOT / "config/compose/hilera.yaml").read_text("utf-8"))
        prometheus = yaml.safe_load((ROOT / "config/prometheus.yml").read_text("utf-8"))
        targets = prometheus["scrape_configs"][0]["static_configs"][0]["targets"]
        self.assertEqual(targets, [f"{name}:{hilera['http']['port']}" for name in hilera["http"]["allowed_hosts"]])

    def test_only_who_asks_for_the_simulator_gets_it(self):
        self.assertEqual([name for name, service in self.compose["services"].items() if "profiles" in service],
                         ["simulator"])
        self.assertEqual(self.compose["services"]["simulator"]["profiles"], ["simulator"])

    def test_the_simulator_sends_to_the_listener_of_its_codec(self):
        hilera = yaml.safe_load((ROOT / "config/compose/hilera.yaml").read_text("utf-8"))
        command = [str(word) for word in self.compose["services"]["simulator"]["command"]]
        target = command[command.index("--target") + 1]
        self.assertEqual([target], [f"hilera:{listener['port']}" for listener in hilera["listeners"]
                                    if listener["codec"] == "native"])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
            collector.bind(("127.0.0.1", 0))
            collector.settimeout(30)
            words = [f"127.0.0.1:{collector.getsockname()[1]}" if word == target else word for word in command]
            words[words.index("--seconds") + 1] = "0.1"
            done = run(BINARIES / "hilera-sim", *words, "--wait-acks", "0")
            self.assertIn('"sent"', done.stdout)
            self.assertEqual(collector.recv(2048)[:2], b"NF")

    def test_the_image_has_the_libraries_that_the_programs_need(self):
        last_stage = (ROOT / "Dockerfile").read_text("utf-8").rpartition("FROM ")[2]
        packages = re.search(r"--no-install-recommends(.*?)&&", last_stage, re.DOTALL)[1]
        installed = set(packages.replace("\\", "").split())
        # With what they depend on.
        for _ in range(8):
            depends = run("dpkg-query", "-W", "-f", "${Depends}, ${Pre-Depends}, ", *sorted(installed)).stdout
            installed |= set(re.findall(r"(?:^|[,|]) *([a-z0-9][a-z0-9.+-]+)", depends))
        needed = set()
        for program in ("hilerad", "hileractl", "hilera-sim"):
            for library in re.findall(r"=> (/\S+)", run("ldd", BINARIES / program).stdout):
                # dpkg knows some by their place before /lib became a link.
                file = pathlib.Path(library).resolve()
                needed.add(run("dpkg", "-S", f"*/{file.parent.name}/{file.name}").stdout.partition(":")[0])
        self.assertIn("libsqlite3-0", needed)
        self.assertLessEqual(needed, installed)

    def test_the_image_takes_its_packages_from_the_list_of_tools_deps(self):
        dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
        self.assertIn("tools/deps --list build", dockerfile)
        programs = re.search(r"--target ([\w -]+) &&", dockerfile)[1].split()
        self.assertEqual(programs, ["hilerad", "hileractl", "hilera-sim"])


if __name__ == "__main__":
    unittest.main()
