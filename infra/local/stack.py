"""A running stack: where it is and how to get in. Kept in `stack.json` for tests and tools."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stack:
    """What `stack.json` says; `template` is the file that was deployed, with the functions where it names them."""

    url: str
    operator_key: str
    tenant_key: str
    tenant_account: str
    endpoint: str
    table: str
    queue_url: str
    dead_letter_queue_url: str
    template: str
    # The functions' names as CloudFormation made them, by their folders' names.
    functions: dict[str, str]


def path(state: Path) -> Path:
    """Where the description of the stack with this state is."""
    return state / "stack.json"


def read(state: Path) -> Stack | None:
    """The description that the last bring-up left, if it is one."""
    try:
        return Stack(**json.loads(path(state).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write(stack: Stack, state: Path) -> None:
    """Writes the description, for nobody else's eyes: it holds keys."""
    target = path(state)
    draft = target.with_suffix(".tmp")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(stack), file, indent=2)
        file.write("\n")
    draft.replace(target)
