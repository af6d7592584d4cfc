"""Checks the calls that the tests recorded against AWS's service models."""

from __future__ import annotations

import os
from pathlib import Path

from infra.local.places import ROOT
from infra.local.processes import run
from infra.local.venvs import venv


def check(folder: Path) -> int:
    """Tests the checker itself, and runs it over a folder of recorded calls; returns the status.

    botocore comes with moto.
    """
    python = venv("moto") / "python"
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    tested = run(
        [python, "-m", "unittest", "discover", "--start-directory", "tests/calls"],
        env=env,
        cwd=ROOT,
    )
    if tested != 0:
        return tested
    return run([python, "-m", "infra.local.calls_main", folder.resolve()], env=env, cwd=ROOT)
