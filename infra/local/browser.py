"""Runs the browser tests against a running stack, with a browser installed on this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from infra.local.failure import Failure
from infra.local.optional import skip
from infra.local.venvs import run_python

# Executable names on Debian and other systems. Playwright works with any recent version; none is
# downloaded.
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

    Without a browser the tests are skipped with a message; in CI that is a failure.
    """
    browser = _browser()
    if browser is None:
        return skip(
            "No Chromium, at $CHROMIUM or in the path (Debian: apt install chromium)", _TESTS
        )
    # Checks the prefix, not whether the path exists: in `-k docs`, `docs` is an expression, but
    # also the name of a folder.
    is_named = any(argument.startswith(_TESTS) for argument in arguments)
    tests = arguments if is_named else [*arguments, _TESTS]
    # The tests connect to this machine, so they must bypass any configured proxy.
    env = {
        "TOLLGATE_STACK": str(stack.resolve()),
        "CHROMIUM": browser,
        "NO_PROXY": "127.0.0.1,localhost",
    }
    return run_python("browser", "-m", "pytest", "-p", "no:cacheprovider", *tests, env=env)


def _browser() -> str | None:
    configured = os.environ.get("CHROMIUM")
    if configured and not shutil.which(configured):
        raise Failure(f"CHROMIUM={configured} is not an executable")
    return configured or next((found for found in map(shutil.which, _NAMES) if found), None)
