"""Checks that programs run on Amazon Linux 2023; runs inside cargo-lambda's virtual environment.

Checks the machine type of template.yaml's default `Architecture` and the C library of the runtime
`provided.al2023`: glibc 2.34 (https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

# Shared libraries that the runtime provides.
_LIBRARIES = {
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libgcc_s.so.1",
}


def problems(file: Path, machine: str, glibc: tuple[int, ...]) -> Iterator[str]:
    """Yields reasons why a program would not start."""
    with file.open("rb") as stream:
        try:
            elf = ELFFile(stream)
        except ELFError as error:
            yield f"is not an ELF file ({error})"
            return
        if elf["e_machine"] != machine:
            yield f"is for {elf['e_machine']}, not {machine}"
        for section in elf.iter_sections():
            if isinstance(section, GNUVerNeedSection):
                yield from _newer_symbols(section, glibc)
            if isinstance(section, DynamicSection):
                yield from _missing_libraries(section)


def _newer_symbols(section: GNUVerNeedSection, glibc: tuple[int, ...]) -> Iterator[str]:
    for library, versions in section.iter_versions():
        for version in versions:
            kind, _, number = version.name.partition("_")
            if kind == "GLIBC" and _numbers(number) > glibc:
                yield f"needs {version.name} of {library.name}"


def _missing_libraries(section: DynamicSection) -> Iterator[str]:
    for tag in section.iter_tags("DT_NEEDED"):
        if tag.needed not in _LIBRARIES and not tag.needed.startswith("ld-linux-"):
            yield f"needs {tag.needed}, which the runtime does not have"


def _numbers(version: str) -> tuple[int, ...]:
    # Names such as GLIBC_PRIVATE compare as newer than every version.
    return tuple(int(part) if part.isdecimal() else sys.maxsize for part in version.split("."))


def main() -> int:
    """Prints the problems of the given programs; returns 1 if there are any."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--machine", default="EM_AARCH64")
    parser.add_argument("--glibc", type=_numbers, default=(2, 34))
    parser.add_argument("files", nargs="+", type=Path)
    given = parser.parse_args()
    found = [
        f"✗ {file}: {problem}"
        for file in given.files
        for problem in problems(file, given.machine, given.glibc)
    ]
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
