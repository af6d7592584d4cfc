"""Progress messages, with the duration of each step."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def print_message(text: str = "") -> None:
    """Prints to stderr, since stdout belongs to the command that runs in the stack."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(label: str) -> Iterator[None]:
    """Prints the start of a step and, if it succeeds, its duration."""
    started = time.monotonic()
    print_message(f"… {label}")
    yield
    print_message(f"✓ {label} ({time.monotonic() - started:.1f} s)")
