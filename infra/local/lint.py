"""Checks of code, documents, the template, the crates, the dashboards and the API description.

None of them changes files or leaves caches behind.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from infra.local import columns, crates, node_tools, openapi_compat, optional, template_lint
from infra.local.aws import CREDENTIALS
from infra.local.failure import Failure
from infra.local.paths import ROOT
from infra.local.processes import run
from infra.local.venvs import venv

# Folders with Python; pyproject.toml has the settings.
_PYTHON = ("infra/local", "tests")


def check(names: list[str]) -> int:
    """Runs the named checks, or all, until one fails; returns its status."""
    checks: dict[str, Callable[[], int]] = {
        "tests": _tests,
        "syntax": _syntax,
        "spelling": _spelling,
        "columns": columns.check,
        "openapi": openapi_compat.check,
        "python": _python,
        "javascript": _javascript,
        "crates": lambda: crates.check("licenses", "bans", "sources"),
        "dashboards": _dashboards,
        "policies": template_lint.check,
        "template": _template,
    }
    for unknown in sorted(set(names) - checks.keys()):
        raise Failure(f"unknown check {unknown}; the checks are {', '.join(checks)}")
    for name in names or checks:
        status = checks[name]()
        if status != 0:
            return status
    return 0


def fix_format() -> int:
    """Formats Python with Ruff and, if Node.js is installed, the console with Biome."""
    status = run([venv("lint") / "ruff", "format", "--quiet", "--no-cache", *_PYTHON], cwd=ROOT)
    tools = node_tools.bin_folder()
    if tools is None:
        return status
    return max(status, run([tools / "biome", "format", "--write", "--log-level=error"], cwd=ROOT))


def _tests() -> int:
    """Runs the tests of the checks that are written here."""
    discover = ("-m", "unittest", "discover", "--quiet", "--start-directory", "tests/lint")
    return run([sys.executable, "-B", *discover], cwd=ROOT)


def _spelling() -> int:
    """Checks the spelling of all files; `_typos.toml` has the settings."""
    return run([venv("lint") / "typos", "--format", "brief"], cwd=ROOT)


def _syntax() -> int:
    """Compiles every script with this Python, without writing bytecode."""
    scripts = [*Path(__file__).parent.glob("*.py"), *(ROOT / "tests").glob("*/*.py")]
    for script in sorted(scripts):
        try:
            compile(script.read_text(), str(script), "exec")
        except SyntaxError as error:
            raise Failure(f"{script.relative_to(ROOT)}:{error.lineno}: {error.msg}") from error
    return 0


def _python() -> int:
    """Checks format and lint rules with Ruff, and the types of `infra/local` with mypy."""
    tools = venv("lint")
    return max(
        run([tools / "ruff", "format", "--check", "--quiet", "--no-cache", *_PYTHON], cwd=ROOT),
        run([tools / "ruff", "check", "--quiet", "--no-cache", *_PYTHON], cwd=ROOT),
        run(
            [tools / "mypy", "--no-error-summary", "--cache-dir", os.devnull, _PYTHON[0]], cwd=ROOT
        ),
    )


def _javascript() -> int:
    """Checks the console with Biome and TypeScript. Without Node.js it is skipped, except in CI."""
    tools = node_tools.bin_folder()
    if tools is None:
        return optional.skip(
            "No Node.js with npm in the path (Debian: apt install nodejs npm)",
            "checks of the console's JavaScript",
        )
    return max(
        run([tools / "biome", "check", "--log-level=error"], cwd=ROOT),
        run([tools / "tsc", "--project", "tsconfig.json"], cwd=ROOT),
    )


def _dashboards() -> int:
    dashboards = sorted((ROOT / "infra" / "grafana").glob("*.json"))
    script = Path(__file__).with_name("grafana_main.py")
    return run([venv("grafana") / "python", script, *dashboards], cwd=ROOT)


def _template() -> int:
    """Runs SAM's `--lint`, which is cfn-lint on the template as SAM transforms it."""
    environment = {**os.environ, **CREDENTIALS, "SAM_CLI_TELEMETRY": "0"}
    return run(
        [venv("sam") / "sam", "validate", "--lint", "--template-file", "template.yaml"],
        env=environment,
        cwd=ROOT,
    )
