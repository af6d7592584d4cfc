"""The tests of what people see, in a browser that this machine has, over a running stack."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from infra.local.failure import Failure
from infra.local.optional import skip
from infra.local.venvs import run_python

# What it is called, by Debian and by others. Playwright drives any that is recent; none is downloaded.
_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)

_TESTS = "tests/browser"


def check(stack: Path, arguments: Sequence[str]) -> int:
    """Runs `tests/browser` against the stack of a `stack.json`, with arguments for pytest.

    Without a browser nothing is run: visibly, and not in CI.
    """
    browser = _browser()
    if browser is None:
        return skip(
            "No Chromium, at $CHROMIUM or in the path (Debian: apt install chromium)", _TESTS
        )
    # Not whether a path exists: in `-k docs`, `docs` is a word, and a folder too.
    is_named = any(argument.startswith(_TESTS) for argument in arguments)
    tests = arguments if is_named else [*arguments, _TESTS]
    # The tests' address is on this machine, whatever proxy the environment names.
    env = {
        "TOLLGATE_STACK": str(stack.resolve()),
        "CHROMIUM": browser,
        "NO_PROXY": "127.0.0.1,localhost",
    }
    return run_python("browser", "-m", "pytest", "-p", "no:cacheprovider", *tests, env=env)


def _browser() -> str | None:
    told = os.environ.get("CHROMIUM")
    if told and not shutil.which(told):
        raise Failure(f"CHROMIUM={told} is no program.")
    return told or next((found for found in map(shutil.which, _NAMES) if found), None)
