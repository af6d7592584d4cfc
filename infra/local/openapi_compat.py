"""Compares infra/openapi.json with that of the last tag.

Breaking changes fail the check, unless `infra/openapi-breaking.txt` acknowledges them. A section
`[v0.1.0]` there has the changes since that tag, which the notes of the next release list.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from infra.local.failure import Failure
from infra.local.openapi_changes import breaking_changes
from infra.local.paths import ROOT
from infra.local.steps import print_message

_DESCRIPTION = Path("infra", "openapi.json")
_ACKNOWLEDGED = ROOT / "infra" / "openapi-breaking.txt"


def check() -> int:
    """Prints the breaking changes; returns 1 if one is not acknowledged, or no longer found."""
    tag = _git("describe", "--tags", "--abbrev=0")
    if tag is None:
        print_message("! No tag to compare with: check of breaking changes of the API skipped.")
        return 0
    tag = tag.strip()
    released = _git("show", f"{tag}:{_DESCRIPTION.as_posix()}")
    if released is None:
        raise Failure(f"{tag} has no {_DESCRIPTION}")
    found = breaking_changes(json.loads(released), json.loads((ROOT / _DESCRIPTION).read_text()))
    accepted = acknowledged(_ACKNOWLEDGED.read_text(), tag)
    for change in found:
        print(f"{'·' if change in accepted else '✗'} {change}")
    stale = sorted(accepted - {*found})
    for change in stale:
        print(f"✗ {_ACKNOWLEDGED.name} acknowledges «{change}», which is not found")
    unexpected = {*found} - accepted
    known = len(found) - len(unexpected)
    print(f"openapi: {len(found)} breaking changes since {tag}, {known} acknowledged")
    return 1 if unexpected or stale else 0


def acknowledged(text: str, tag: str) -> set[str]:
    """The lines of the tag's section, without comments."""
    section, found = "", set()
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line and not line.startswith("#") and section == tag:
            found.add(line)
    return found


def _git(*arguments: str) -> str | None:
    """Output of a git command; `None` if it fails."""
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode == 0 else None
