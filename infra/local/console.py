"""The tests of the console's pure modules, which need Node.js and no browser."""

from __future__ import annotations

import os
import shutil

from infra.local.failure import Failure
from infra.local.places import ROOT
from infra.local.processes import run
from infra.local.steps import say


def check() -> int:
    """Runs `node --test`. Where Node.js is missing the tests are skipped, except in CI."""
    node = shutil.which("node")
    if node is None:
        missing = "No Node.js in the path (Debian: apt install nodejs)"
        if os.environ.get("CI"):
            raise Failure(f"{missing}: tests/console can't run.")
        say(f"! {missing}: tests/console skipped.")
        return 0
    tests = sorted((ROOT / "tests" / "console").glob("*.test.mjs"))
    return run([node, "--test", "--test-reporter=dot", *tests], cwd=ROOT)
