"""Checks the calls that the tests recorded against AWS's service models."""

from __future__ import annotations

from pathlib import Path

from infra.local.venvs import run_python


def check(folder: Path) -> int:
    """Runs the checker's own tests, then the checker on a folder of recorded calls.

    Runs in moto's environment, which has botocore. Returns the exit status.
    """
    discover = ("-m", "unittest", "discover", "--start-directory", "tests/calls")
    tested = run_python("moto", *discover)
    if tested != 0:
        return tested
    return run_python("moto", "-m", "infra.local.calls_main", folder.resolve())
