"""Runs moto's server, a second implementation of DynamoDB and SQS."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from infra.local import processes
from infra.local.aws import CREDENTIALS
from infra.local.emulator import free_port
from infra.local.failure import Failure
from infra.local.steps import step
from infra.local.venvs import venv

_HOST = "127.0.0.1"
_START_SECONDS = 60.0


def run_with(command: Sequence[str]) -> int:
    """Runs a command with moto's in-memory server, whose URL is in `TOLLGATE_MOTO`."""
    with step("Tools: moto"):
        python = venv("moto") / "python"
    port = free_port()
    endpoint = f"http://{_HOST}:{port}"
    with tempfile.TemporaryDirectory(prefix="tollgate-") as folder:
        log = Path(folder) / "moto.log"
        with step(f"moto on port {port}"), log.open("wb") as output:
            process = processes.start(
                [
                    python,
                    Path(__file__).with_name("moto_main.py"),
                    "--host",
                    _HOST,
                    "--port",
                    str(port),
                ],
                cwd=Path(folder),
                env={**os.environ, **CREDENTIALS},
                stdin=subprocess.DEVNULL,
                output=output,
                errors=subprocess.STDOUT,
            )
        try:
            _wait(process, endpoint, log)
            return processes.run(command, env={**os.environ, "TOLLGATE_MOTO": endpoint})
        finally:
            processes.stop(process)


def _wait(process: subprocess.Popen[bytes], endpoint: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failure(
                f"moto exited during startup; last lines of its log:\n{processes.tail(log)}"
            )
        try:
            with urllib.request.urlopen(f"{endpoint}/moto-api/data.json", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise Failure(f"moto did not respond within {_START_SECONDS:.0f} s.")
