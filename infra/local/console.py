"""Runs the tests of the console's pure modules, which need Node.js and no browser."""

from __future__ import annotations

import shutil

from infra.local.optional import skip
from infra.local.paths import ROOT
from infra.local.processes import run


def check() -> int:
    """Runs `node --test`. Where Node.js is missing the tests are skipped, except in CI."""
    node = shutil.which("node")
    if node is None:
        return skip("No Node.js in the path (Debian: apt install nodejs)", "tests/console")
    tests = sorted((ROOT / "tests" / "console").glob("*.test.mjs"))
    return run([node, "--test", "--test-reporter=dot", *tests], cwd=ROOT)
