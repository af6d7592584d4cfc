"""Starts and stops programs together with their child processes.

Each program runs in its own session. So Ctrl-C reaches only this process, which stops programs in
the right order, and stopping a program also stops its children.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from infra.local.failure import Failure

_GRACE_SECONDS = 10.0
_LINES_SHOWN = 30


def start(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int | None = None,
    output: int | IO[bytes] | None = None,
    errors: int | IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a program as the leader of its own process group."""
    try:
        return subprocess.Popen(
            [str(part) for part in command],
            env=env,
            cwd=cwd,
            stdin=stdin,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise Failure(f"{command[0]}: not found") from error


def stop(process: subprocess.Popen[bytes], grace_seconds: float = _GRACE_SECONDS) -> None:
    """Terminates a program, waits for its cleanup, and kills the rest of its process group."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(grace_seconds)
    # The group may be empty already, which macOS reports as EPERM.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run(
    command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> int:
    """Runs a program with inherited output and returns its status."""
    process = start(command, env=env, cwd=cwd)
    try:
        return process.wait()
    finally:
        stop(process)


def run_quietly(
    command: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Runs a program with its output in `log`; `Failure` with the last lines if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = start(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            output=output,
            errors=subprocess.STDOUT,
        )
        try:
            status = process.wait()
        finally:
            stop(process)
    if status != 0:
        raise Failure(
            f"{Path(command[0]).name} failed with status {status}; "
            f"last lines of {log}:\n{tail(log)}"
        )


def tail(log: Path) -> str:
    """The last lines of a log, indented."""
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in lines[-_LINES_SHOWN:])
