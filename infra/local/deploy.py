"""Deploying template.yaml, as it is, to the emulator."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from infra.local.aws import CREDENTIALS, create_bucket, create_sender, stack_outputs
from infra.local.build import FUNCTIONS
from infra.local.places import ROOT
from infra.local.processes import run_quietly

STACK = "tollgate"
_BUCKET = "tollgate-deploy"

# Whom mails come from; they end in the emulator's outbox.
SENDER = "tollgate@example.com"

# Of this machine, for which the functions are built.
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"

_ISSUER = os.environ.get("JWT_ISSUER", "")

_PARAMETERS = {
    "Architecture": ARCHITECTURE,
    # A job whose worker was killed comes back after the visibility time-out: the shortest there is.
    "WorkerTiming": "quick",
    # MiniStack has a sensible limit of its own, and doesn't read one that comes from a parameter.
    "WorkerConcurrency": "0",
    # Half of them may wait: tests have many requests wait at once.
    "PollConcurrency": "100",
    # The services that a developer sends jobs to listen on this machine.
    "AllowPrivateTargets": "true",
    # make run JWT_ISSUER=http://127.0.0.1:8080/realms/dev JWT_AUDIENCE=tollgate
    "JwtIssuer": "" if _ISSUER.startswith("http:") else _ISSUER,
    "EmulatorJwtIssuer": _ISSUER if _ISSUER.startswith("http:") else "",
    "JwtAudience": os.environ.get("JWT_AUDIENCE", ""),
    "JwtAdmin": os.environ.get("JWT_ADMIN", "false"),
    # `debug` and the like: make run LOG_LEVEL=debug
    "LogLevel": os.environ.get("LOG_LEVEL", "info"),
    "SenderAddress": SENDER,
    # make run OPERATOR_EMAIL=me@example.com makes the alarms too
    "OperatorEmail": os.environ.get("OPERATOR_EMAIL", ""),
    # make run TASKER_URL=http://127.0.0.1:8000/users/delete
    "TaskerUrl": os.environ.get("TASKER_URL", ""),
}


def overrides(endpoint: str) -> list[str]:
    """The template's parameters as `sam` takes them: in quotes, since it takes no empty value without."""
    # Where functions don't find the emulator at the address that we do:
    # make run ENDPOINT=http://127.0.0.1:4566 FUNCTIONS_ENDPOINT=http://localstack:4566
    called = {"AwsEndpointUrl": os.environ.get("FUNCTIONS_ENDPOINT") or endpoint}
    return [f'{name}="{value}"' for name, value in {**_PARAMETERS, **called}.items()]


def logical_id(function: str) -> str:
    """The name that template.yaml has for a function."""
    return "".join(part.title() for part in function.split("-")) + "Function"


def template(folder: Path) -> Path:
    """Where the template that is deployed lies, beside the functions."""
    return folder / "deploy" / "template.yaml"


def deploy(sam: Path, endpoint: str, programs: dict[str, Path], folder: Path) -> dict[str, str]:
    """Deploys what changed since the last time and returns the stack's outputs."""
    stage = _stage(programs, template(folder).parent)
    create_bucket(endpoint, _BUCKET)
    create_sender(endpoint, SENDER)
    # MiniStack gives an API the id that this tag asks for, so that the URL stays the same.
    tags = [f"ms-custom-id={STACK}"]
    run_quietly(
        [
            sam / "sam",
            "deploy",
            "--template-file",
            "template.yaml",
            "--stack-name",
            STACK,
            "--s3-bucket",
            _BUCKET,
            "--capabilities",
            "CAPABILITY_IAM",
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--no-progressbar",
            "--tags",
            *tags,
            "--parameter-overrides",
            *overrides(endpoint),
        ],
        folder / "deploy.log",
        env=_environment(endpoint, folder),
        cwd=stage,
    )
    return stack_outputs(endpoint, STACK)


def _stage(programs: dict[str, Path], stage: Path) -> Path:
    """Lays out what is deployed in a folder of its own: target/lambda/ keeps the release build for AWS."""
    for name in FUNCTIONS:
        bootstrap = stage / "target" / "lambda" / name / "bootstrap"
        bootstrap.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(programs[name], bootstrap)
    shutil.copy2(ROOT / "template.yaml", stage / "template.yaml")
    return stage


def _environment(endpoint: str, folder: Path) -> dict[str, str]:
    """An environment in which sam can reach nothing but the emulator, and leaves nothing in the home folder."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "SAM_CLI_"))
    }
    return {
        **inherited,
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.5",
        "__SAM_CLI_APP_DIR": str(folder / "sam"),
    }
