"""tools/sbom: names what the programs are made of, and says the same of the same programs."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(os.environ.get("HILERA_BIN", ROOT / "build/release/bin"))
PROGRAMS = ("hilerad", "hileractl", "hilera-sim")


def sbom(*programs, **environment):
    done = subprocess.run([ROOT / "tools/sbom", "--version", "1.2.3", *programs], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False, env={**os.environ, **environment})
    return done.returncode, done.stdout if done.returncode == 0 else done.stderr


class Sbom(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        status, text = sbom(*(BINARIES / name for name in PROGRAMS), SOURCE_DATE_EPOCH="0")
        assert status == 0, text
        cls.text, cls.bom = text, json.loads(text)

    def test_it_is_a_document_of_cyclonedx(self):
        self.assertEqual((self.bom["bomFormat"], self.bom["specVersion"]), ("CycloneDX", "1.5"))
        self.assertRegex(self.bom["serialNumber"], r"^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        self.assertEqual(self.bom["metadata"]["timestamp"], "1970-01-01T00:00:00Z")

    def test_every_library_that_a_program_needs_is_in_it(self):
        files = {file["name"] for each in self.bom["components"] for file in each["components"]}
        for program in PROGRAMS:
            dynamic = subprocess.run(["readelf", "-d", BINARIES / program], check=True, text=True,
                                     stdout=subprocess.PIPE).stdout
            for library in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic):
                self.assertTrue(any(file.startswith(library) for file in files), library)

    def test_packages_are_named_as_vulnerability_scanners_look_for_them(self):
        for each in self.bom["components"]:
            self.assertRegex(each["purl"], r"^pkg:deb/debian/[a-z0-9.+-]+@[^ :+]+\?arch=\w+&distro=debian-12$")

    def test_every_reference_is_to_something_in_it(self):
        made = self.bom["metadata"]["component"]
        known = {made["bom-ref"], *(each["bom-ref"] for each in [*made["components"], *self.bom["components"]])}
        used = {ref for each in self.bom["dependencies"] for ref in [each["ref"], *each["dependsOn"]]}
        self.assertLessEqual(used, known)
        self.assertEqual({each["ref"] for each in self.bom["dependencies"]},
                         {"hilera", *(f"hilera/{name}" for name in PROGRAMS)})

    def test_the_same_programs_make_the_same_bytes(self):
        self.assertEqual(sbom(*(BINARIES / name for name in PROGRAMS), SOURCE_DATE_EPOCH="0"), (0, self.text))

    def test_a_library_of_no_package_is_an_error(self):
        with tempfile.TemporaryDirectory() as folder:
            library, program = f"{folder}/libown.so", f"{folder}/program"
            subprocess.run(["gcc", "-shared", "-o", library, "-x", "c", "-"], input="int own() { return 0; }", text=True,
                           check=True)
            subprocess.run(["gcc", "-o", program, "-x", "c", "-", "-x", "none", library], text=True, check=True,
                           input="int own(); int main() { return own(); }")
            status, said = sbom(program)
        self.assertEqual((status, "libown.so" in said), (1, True), said)


if __name__ == "__main__":
    unittest.main()
