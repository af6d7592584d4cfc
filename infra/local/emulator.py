"""Starts and stops MiniStack, the default emulator, or connects to an external one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local import processes
from infra.local.aws import REGION
from infra.local.failure import Failure
from infra.local.steps import print_message

_HOST = "127.0.0.1"
_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_RESPONSE_SECONDS = 10.0


def free_port() -> int:
    """A currently unused port."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def check_port(port: int) -> None:
    """Fails if the port is in use, before the long build starts."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise Failure(
                f"Port {port} is unavailable: {error.strerror}. Is the stack already running?\n"
                "Choose another port: make run PORT=4567"
            ) from error


class Emulator:
    """A MiniStack process and the processes it starts. Its data persists in `folder`."""

    def __init__(self, bin_folder: Path, port: int, folder: Path) -> None:
        """Does not start the process; `start` does."""
        self.endpoint = f"http://{_HOST}:{port}"
        self._python = bin_folder / "python"
        self._port = port
        self._folder = folder
        self._scratch = folder / "tmp"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts MiniStack with its persisted data and waits until it responds."""
        log = self._folder / "emulator.log"
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        with log.open("wb") as output:
            self._process = processes.start(
                [self._python, Path(__file__).with_name("emulator_main.py")],
                env=_environment(self._port, self._folder, self._scratch),
                cwd=self._scratch,
                stdin=subprocess.PIPE,
                output=output,
                errors=subprocess.STDOUT,
            )
        _wait(self._process, self.endpoint, log)

    def stop(self) -> None:
        """Stops MiniStack after it has saved its state, and kills it if it does not stop."""
        if self._process is not None:
            _stop(self._process)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def restart(self) -> None:
        """Restarts MiniStack. Function processes start fresh, data persists."""
        self.stop()
        self.start()


class ExternalEmulator:
    """An external LocalStack-compatible emulator, which must be running already."""

    def __init__(self, endpoint: str) -> None:
        """Fails if the endpoint does not respond. Any HTTP status counts as a response."""
        self.endpoint = endpoint.rstrip("/")
        try:
            with urllib.request.urlopen(self.endpoint, timeout=_RESPONSE_SECONDS):
                pass
        except urllib.error.HTTPError:
            pass
        except (OSError, ValueError) as error:
            raise Failure(f"ENDPOINT={endpoint} is unreachable: {error}") from error


@contextmanager
def running(bin_folder: Path, port: int, folder: Path) -> Iterator[Emulator]:
    """Runs MiniStack for the duration of the context."""
    emulator = Emulator(bin_folder, port, folder)
    try:
        emulator.start()
        yield emulator
    finally:
        emulator.stop()


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        print_message("MiniStack did not stop in time: data of this run is lost.")
    processes.stop(process)


def _environment(port: int, folder: Path, scratch: Path) -> dict[str, str]:
    """MiniStack's environment. The functions inherit it, so it excludes profiles and proxies.

    It has no `AWS_ENDPOINT_URL` either: MiniStack would override the value that a function was
    deployed with, which a test may change.
    """
    names = ("PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "TOLLGATE_FREEZE")
    inherited = {name: os.environ[name] for name in names if name in os.environ}
    return {
        **inherited,
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "BIND_HOST": _HOST,
        "MINISTACK_HOST": _HOST,
        "GATEWAY_PORT": str(port),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "data"),
        "LOG_LEVEL": "WARNING",
        # Both services would listen on fixed ports.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


def _wait(process: subprocess.Popen[bytes], endpoint: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failure(
                f"MiniStack exited during startup; last lines of {log}:\n{processes.tail(log)}"
            )
        try:
            with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise Failure(f"MiniStack did not respond within {_START_SECONDS:.0f} s; see {log}")
