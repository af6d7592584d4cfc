"""Checks the calls that the tests recorded against AWS's service models."""

from __future__ import annotations

from pathlib import Path

from infra.local.venvs import run_python


def check(folder: Path) -> int:
    """Tests the checker itself, and runs it over a folder of recorded calls; returns the status.

    botocore comes with moto.
    """
    discover = ("-m", "unittest", "discover", "--start-directory", "tests/calls")
    tested = run_python("moto", *discover)
    if tested != 0:
        return tested
    return run_python("moto", "-m", "infra.local.calls_main", folder.resolve())
