"""One line on the terminal for each step of the bring-up, with how long it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str = "") -> None:
    """Prints to stderr: stdout belongs to the command that runs in the stack."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(label: str) -> Iterator[None]:
    """Announces a step and, when it has succeeded, says how long it took."""
    started = time.monotonic()
    say(f"… {label}")
    yield
    say(f"✓ {label} ({time.monotonic() - started:.1f} s)")
