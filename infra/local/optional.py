"""Tests that need a tool which not every machine has."""

from __future__ import annotations

import os

from infra.local.failure import Failure
from infra.local.steps import say


def skip(missing: str, tests: str) -> int:
    """Skips tests for want of a tool, visibly; in CI that is a failure."""
    if os.environ.get("CI"):
        raise Failure(f"{missing}: {tests} can't run.")
    say(f"! {missing}: {tests} skipped.")
    return 0
