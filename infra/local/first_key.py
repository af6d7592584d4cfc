"""Creates the first key of a stack on AWS, with the credentials that `sam` would use."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from infra.local import build
from infra.local.paths import ROOT
from infra.local.venvs import venv


def create(
    stack: str, profile: str, region: str, bootstrap: Path | None, rest: Sequence[str]
) -> int:
    """Builds `tollgate-bootstrap` and runs it for a stack. botocore resolves empty arguments.

    Stays in this process group: a credential provider may read a code from the terminal.
    """
    program = bootstrap or build.bootstrap()
    command = [
        venv("sam") / "python",
        Path(__file__).with_name("first_key_main.py"),
        "--bootstrap",
        program,
        "--samconfig",
        ROOT / "samconfig.toml",
        "--stack",
        stack,
        "--profile",
        profile,
        "--region",
        region,
        "--",
        *rest,
    ]
    return subprocess.run([str(part) for part in command], check=False).returncode
