"""Handles checks whose tool is not installed."""

from __future__ import annotations

import os

from infra.local.failure import Failure
from infra.local.steps import print_message


def skip(missing: str, tests: str) -> int:
    """Prints that tests are skipped because a tool is missing; in CI raises `Failure`."""
    if os.environ.get("CI"):
        raise Failure(f"{missing}: {tests} can't run.")
    print_message(f"! {missing}: {tests} skipped.")
    return 0
