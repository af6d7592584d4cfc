"""Builds the functions, the command-line client and `tollgate-bootstrap`, locally or for AWS."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from infra.local import processes
from infra.local.failure import Failure
from infra.local.paths import ROOT
from infra.local.venvs import venv

FUNCTIONS = ("submit", "poll", "manage", "queue-worker", "quota-check", "push", "console")
COMMAND = "tollgate"
BOOTSTRAP = "tollgate-bootstrap"

# Packages whose name differs from the function's.
_PACKAGE_NAMES = {"console": "tollgate-console"}


def _packages(functions: Sequence[str]) -> list[str]:
    return [
        argument for name in functions for argument in ("--package", _PACKAGE_NAMES.get(name, name))
    ]


def for_this_machine(*, tests: bool) -> dict[str, Path]:
    """Builds everything with one run of cargo, so that nothing is compiled twice.

    With `tests`, builds the same targets as `cargo test`. Cargo unifies features over all targets
    of a run, so a different selection would recompile most dependencies. Returns the programs by
    name.
    """
    programs = [*_packages(FUNCTIONS), "--package", "cli", "--package", "bootstrap"]
    what = ["--workspace", "--all-targets"] if tests else programs
    return _build(what, {*FUNCTIONS, COMMAND, BOOTSTRAP})


def bootstrap() -> Path:
    """Builds `tollgate-bootstrap`, which creates a stack's first key; returns its path."""
    return _build(["--package", "bootstrap"], {BOOTSTRAP})[BOOTSTRAP]


def _build(what: Sequence[str], wanted: Set[str]) -> dict[str, Path]:
    command = ["cargo", "build", *what, "--message-format", "json-render-diagnostics"]
    try:
        process = processes.start(command, cwd=ROOT, output=subprocess.PIPE)
    except Failure as failure:
        raise Failure(
            "cargo was not found. Tollgate is built with Rust: https://rustup.rs"
        ) from failure
    try:
        assert process.stdout is not None
        programs = {
            message["target"]["name"]: Path(message["executable"])
            for message in map(json.loads, process.stdout)
            if message.get("executable") and not message["profile"]["test"]
        }
        status = process.wait()
    finally:
        processes.stop(process)
    if status != 0:
        raise Failure("build failed, see above")
    missing = wanted - programs.keys()
    if missing:
        raise Failure(f"build did not produce {', '.join(sorted(missing))}.")
    return programs


def for_aws(
    functions: Sequence[str] = FUNCTIONS,
    options: Sequence[str] = ("--release",),
    variables: Mapping[str, str] | None = None,
) -> int:
    """Builds functions for arm64 into target/lambda/, where template.yaml expects them.

    Then checks that they run on Amazon Linux 2023. Returns the exit status.
    """
    tools = venv("cargo-lambda")
    # First in the path: cargo-lambda runs `python3` to find the Zig of its own environment.
    path = os.pathsep.join([str(tools), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": path, **(variables or {})}
    command: list[str | Path] = [tools / "cargo-lambda", "lambda", "build", "--arm64", *options]
    status = processes.run([*command, *_packages(functions)], env=environment, cwd=ROOT)
    if status != 0:
        return status
    folder = ROOT / environment.get("CARGO_TARGET_DIR", "target") / "lambda"
    programs = [folder / name / "bootstrap" for name in functions]
    return processes.run([tools / "python", Path(__file__).with_name("elf_main.py"), *programs])
