"""URLs and keys of a running stack, stored in `stack.json` for tests and tools."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stack:
    """The content of `stack.json`. `template` is the path of the deployed template."""

    url: str
    operator_key: str
    tenant_key: str
    tenant_account: str
    endpoint: str
    table: str
    queue_url: str
    dead_letter_queue_url: str
    template: str
    # The physical names of the functions, by the names of their folders.
    functions: dict[str, str]


def path(state: Path) -> Path:
    """The `stack.json` of a state folder."""
    return state / "stack.json"


def read(state: Path) -> Stack | None:
    """The stack in a state folder, or `None` without a valid `stack.json`."""
    try:
        return Stack(**json.loads(path(state).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write(stack: Stack, state: Path) -> None:
    """Writes `stack.json`, readable only by the current user because it contains keys."""
    target = path(state)
    draft = target.with_suffix(".tmp")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(stack), file, indent=2)
        file.write("\n")
    draft.replace(target)
