"""The Docker engine: the one of this machine, or Debian's, started by hand where there is none."""

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
from infra.local.places import LOCAL
from infra.local.steps import step

_START_SECONDS = 60.0
_PACKAGES = "docker.io iptables mmdebstrap"


def answers() -> bool:
    """Whether an engine answers, at `DOCKER_HOST` or where `docker` knows one."""
    return (
        shutil.which("docker") is not None
        and _docker("version", "--format", "{{.Server.Version}}") is not None
    )


def has_image(name: str) -> bool:
    """Whether the engine has an image."""
    return _docker("image", "inspect", "--format", "{{.Id}}", name) is not None


def gateway() -> str:
    """The address at which containers reach whoever runs the engine, on its network `bridge`."""
    found = _docker("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}")
    for config in json.loads(found or "[]"):
        # Not every version says the gateway; it is the network's first address then.
        network = ipaddress.ip_network(config["Subnet"], strict=False)
        if network.version == 4:
            return str(config.get("Gateway") or network[1])
    raise Failure("The Docker engine has no network `bridge` with an IPv4 subnet.")


def run_with(command: Sequence[str]) -> int:
    """Runs a command with an engine: the one that answers, or one for just that time."""
    if answers():
        return processes.run(command)
    with _debians() as host:
        return processes.run(command, env={**os.environ, "DOCKER_HOST": host})


@contextmanager
def _debians() -> Iterator[str]:
    """Debian's engine, run by hand; its images stay in `.local`, and it leaves the machine's firewall alone."""
    if not shutil.which("dockerd"):
        raise Failure(
            f"No Docker engine answers, and there is none to start. As root on Debian: apt install {_PACKAGES}"
        )
    if os.geteuid() != 0:
        raise Failure("No Docker engine answers, and only root can start one.")
    data = LOCAL / "engine"
    data.mkdir(parents=True, exist_ok=True)
    # A socket's path may have 107 characters, so these aren't in the checkout.
    with tempfile.TemporaryDirectory(prefix="tollgate-") as temporary:
        folder, log = Path(temporary), data / "dockerd.log"
        host = f"unix://{folder / 'docker.sock'}"
        # Containers need this machine alone: neither forwarding nor masquerading.
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
            processes.end(process)


def _wait(process: subprocess.Popen[bytes], host: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failure(f"dockerd ended at once; the end of {log}:\n{processes.tail(log)}")
        if _docker("--host", host, "version", "--format", "{{.Server.Version}}") is not None:
            return
        time.sleep(0.1)
    raise Failure(f"dockerd did not answer within {_START_SECONDS:.0f} s; see {log}")


def _docker(*arguments: str) -> str | None:
    """What `docker` says, or `None` if it fails."""
    process = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    return process.stdout.strip() if process.returncode == 0 else None
