"""Checks of the template, the crates, the dashboards and these scripts that leave nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

from infra.local import crates, template_lint
from infra.local.aws import CREDENTIALS
from infra.local.failure import Failure
from infra.local.places import ROOT
from infra.local.processes import run
from infra.local.venvs import venv


def check() -> int:
    """Compiles every script, without writing bytecode, checks the crates and the dashboards, and has SAM and linters check the template.

    SAM's `--lint` is cfn-lint, run over the template as SAM transforms it.
    """
    scripts = [*Path(__file__).parent.glob("*.py"), *(ROOT / "tests").glob("*/*.py")]
    for script in sorted(scripts):
        try:
            compile(script.read_text(), str(script), "exec")
        except SyntaxError as error:
            raise Failure(f"{script.relative_to(ROOT)}:{error.lineno}: {error.msg}") from error
    status = crates.check("licenses", "bans", "sources")
    if status != 0:
        return status
    dashboards = sorted((ROOT / "infra" / "grafana").glob("*.json"))
    status = run(
        [venv("grafana") / "python", Path(__file__).parent / "grafana_main.py", *dashboards],
        cwd=ROOT,
    )
    if status != 0:
        return status
    status = template_lint.check()
    if status != 0:
        return status
    environment = {**os.environ, **CREDENTIALS, "SAM_CLI_TELEMETRY": "0"}
    return run(
        [venv("sam") / "sam", "validate", "--lint", "--template-file", "template.yaml"],
        env=environment,
        cwd=ROOT,
    )
