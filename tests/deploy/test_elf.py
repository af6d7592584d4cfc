"""Tests of elf_main.py with programs of this machine, and with a file that is not an executable"""

from __future__ import annotations

import subprocess
import sys
import unittest
from pathlib import Path

from infra.local.venvs import venv

ROOT = Path(__file__).resolve().parents[2]
# Built for this machine and its glibc.
PROGRAM = Path("/bin/ls")


def check(file: Path, *options: str) -> tuple[int, str]:
    """Returns exit status and stderr of the check."""
    command: list[str | Path] = [
        venv("cargo-lambda") / "python",
        ROOT / "infra" / "local" / "elf_main.py",
        *options,
        file,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@unittest.skipUnless(sys.platform == "linux", "ELF programs are only on Linux")
class Elf(unittest.TestCase):
    """`python3 -m unittest tests/deploy/test_elf.py`"""

    def setUp(self) -> None:
        # e_machine, at byte 18: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
        number = int.from_bytes(PROGRAM.read_bytes()[18:20], sys.byteorder)
        self.own, self.other = {62: ("EM_X86_64", "EM_AARCH64"), 183: ("EM_AARCH64", "EM_X86_64")}[
            number
        ]

    def test_wrong_machine_type(self) -> None:
        status, errors = check(PROGRAM, "--machine", self.other, "--glibc", "9.9")
        self.assertEqual(status, 1)
        self.assertIn(f"is for {self.own}, not {self.other}", errors)

    def test_a_newer_glibc(self) -> None:
        status, errors = check(PROGRAM, "--machine", self.own, "--glibc", "2.1")
        self.assertEqual(status, 1)
        self.assertRegex(errors, r"needs GLIBC_2\.\d+ of libc\.so\.6")

    def test_a_library_that_the_runtime_lacks(self) -> None:
        # Debian's `ls` reads security labels.
        _, errors = check(PROGRAM, "--machine", self.own, "--glibc", "9.9")
        self.assertIn("needs libselinux.so.1", errors)

    def test_valid_program(self) -> None:
        self.assertEqual(check(Path("/bin/cat"), "--machine", self.own, "--glibc", "9.9"), (0, ""))

    def test_not_an_elf_file(self) -> None:
        status, errors = check(Path(__file__))
        self.assertEqual(status, 1)
        self.assertIn("is not an ELF file", errors)


if __name__ == "__main__":
    unittest.main()
