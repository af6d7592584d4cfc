"""Uses the Docker engine of this machine, or starts Debian's if none is running."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.local import processes
from infra.local.failure import Failure
from infra.local.paths import LOCAL
from infra.local.steps import step

_START_SECONDS = 60.0
_PACKAGES = "docker.io iptables mmdebstrap"


def is_running() -> bool:
    """Whether an engine responds at `DOCKER_HOST` or in the current Docker context."""
    return (
        shutil.which("docker") is not None
        and _docker("version", "--format", "{{.Server.Version}}") is not None
    )


def has_image(name: str) -> bool:
    return _docker("image", "inspect", "--format", "{{.Id}}", name) is not None


def gateway() -> str:
    """The address at which containers on the network `bridge` reach the engine's host."""
    found = _docker("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}")
    for config in json.loads(found or "[]"):
        # Some versions omit the gateway. It is the first address of the network.
        network = ipaddress.ip_network(config["Subnet"], strict=False)
        if network.version == 4:
            return str(config.get("Gateway") or network[1])
    raise Failure("The Docker engine has no network `bridge` with an IPv4 subnet.")


def run_with(command: Sequence[str]) -> int:
    """Runs a command with the running engine, or with one started for its duration."""
    if is_running():
        return processes.run(command)
    with _start_engine() as host:
        return processes.run(command, env={**os.environ, "DOCKER_HOST": host})


@contextmanager
def _start_engine() -> Iterator[str]:
    """Starts Debian's `dockerd`, with images in `.local` and without firewall rules."""
    if not shutil.which("dockerd"):
        raise Failure(
            "no Docker engine is running and dockerd is not installed. "
            f"As root on Debian: apt install {_PACKAGES}"
        )
    if os.geteuid() != 0:
        raise Failure("no Docker engine is running, and only root can start one")
    data = LOCAL / "engine"
    data.mkdir(parents=True, exist_ok=True)
    # A socket path is limited to 107 bytes, which a path in the checkout may exceed.
    with tempfile.TemporaryDirectory(prefix="tollgate-") as temporary:
        folder, log = Path(temporary), data / "dockerd.log"
        host = f"unix://{folder / 'docker.sock'}"
        # Containers only connect to this machine, so forwarding and masquerading stay off.
        command: list[str | Path] = [
            "dockerd",
            "--host",
            host,
            "--data-root",
            data / "data",
            "--exec-root",
            folder / "exec",
            "--pidfile",
            folder / "pid",
            "--iptables=false",
            "--ip-forward=false",
            "--ip-masq=false",
            "--log-level",
            "warn",
        ]
        with step("Docker engine"), log.open("wb") as output:
            process = processes.start(
                command, stdin=subprocess.DEVNULL, output=output, errors=subprocess.STDOUT
            )
        try:
            _wait(process, host, log)
            yield host
        finally:
            processes.stop(process)


def _wait(process: subprocess.Popen[bytes], host: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failure(
                f"dockerd exited during startup; last lines of {log}:\n{processes.tail(log)}"
            )
        if _docker("--host", host, "version", "--format", "{{.Server.Version}}") is not None:
            return
        time.sleep(0.1)
    raise Failure(f"dockerd did not respond within {_START_SECONDS:.0f} s; see {log}")


def _docker(*arguments: str) -> str | None:
    """The output of `docker`, or `None` if it fails."""
    process = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    return process.stdout.strip() if process.returncode == 0 else None
