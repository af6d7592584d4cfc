"""Checks that lines of code have at most 100 columns, including comments and strings.

Formatters wrap only code. A line is accepted if it can't be wrapped: if a URL, an ARN or another
piece of it without a space reaches beyond the limit even on a line of its own. In YAML, strings of
embedded JSON are such pieces, too. Exceptions are in `lint_exceptions.json`.
"""

from __future__ import annotations

import re
import subprocess

from infra.local import exceptions
from infra.local.failure import Failure
from infra.local.paths import ROOT

_LIMIT = 100
_FILES = ("*.rs", "*.py", "*.js", "*.mjs", "*.css", "*.toml", "*.yaml", "*.yml", "*Makefile")
# Copies of other projects' files.
_VENDORED = re.compile(r"/(vendor|swagger-ui-[^/]*)/")
# Indentation and the marker of a comment, which each line of a wrapped comment repeats.
_START = re.compile(r"\s*(?://[/!]?|#|\*)?\s*")
_PIECE = re.compile(r"\S+")
_YAML_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"\S*|\S+')


def check() -> int:
    """Reports lines that are too long; returns 1 if there are any without an exception."""
    found: dict[str, str] = {}
    for name in _files():
        text = (ROOT / name).read_text()
        is_yaml = name.endswith((".yaml", ".yml"))
        for number, line in enumerate(text.split("\n"), start=1):
            if is_too_long(line, is_yaml=is_yaml):
                found[f"{name} {number}"] = f"{len(line)} columns"
    return exceptions.report("columns", found)


def is_too_long(line: str, *, is_yaml: bool = False) -> bool:
    """Whether the line is longer than the limit and could be wrapped."""
    if len(line) <= _LIMIT:
        return False
    started = _START.match(line)
    start = started.end() if started else 0
    pieces = (_YAML_PIECE if is_yaml else _PIECE).findall(line, start)
    return start + max(map(len, pieces), default=0) <= _LIMIT


def _files() -> list[str]:
    """Files with code, including new ones that are not yet in version control."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *_FILES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        raise Failure(f"git can't list the files: {listed.stderr.strip()}")
    names = [name for name in listed.stdout.split("\0") if name]
    return [name for name in names if not _VENDORED.search(name) and (ROOT / name).exists()]
