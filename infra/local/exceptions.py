"""Accepted findings of the template's linters, each with a reason, in `lint_exceptions.json`."""

from __future__ import annotations

import json
from pathlib import Path

_FILE = Path(__file__).with_name("lint_exceptions.json")


def report(linter: str, found: dict[str, str]) -> int:
    """Prints findings without an exception and exceptions without a finding; returns 1 if any.

    An exception names a finding's id (`<check> <resource>`) or only the check.
    """
    excepted: dict[str, str] = json.loads(_FILE.read_text())[linter]
    unexpected = {
        place: text
        for place, text in found.items()
        if not {place, place.split(" ")[0]} & excepted.keys()
    }
    needed = {name for place in found for name in (place, place.split(" ")[0])}
    stale = excepted.keys() - needed
    for place, text in sorted(unexpected.items()):
        print(f"✗ {linter}: {place}: {text}")
    for place in sorted(stale):
        print(f"✗ {linter}: {_FILE.name} excepts {place}, which is no longer found")
    print(f"{linter}: {len(found)} findings, {len(found) - len(unexpected)} excepted")
    return 1 if unexpected or stale else 0
