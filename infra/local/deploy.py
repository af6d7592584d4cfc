"""Deploys the unmodified template.yaml to the emulator."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from infra.local.aws import CREDENTIALS, create_bucket, create_sender, stack_outputs
from infra.local.build import FUNCTIONS
from infra.local.paths import ROOT
from infra.local.processes import run_quietly

STACK = "tollgate"
_BUCKET = "tollgate-deploy"

# Sender of quota mails, which the emulator keeps in its outbox.
SENDER = "tollgate@example.com"

# Architecture of this machine, which the functions are built for.
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"

_ISSUER = os.environ.get("JWT_ISSUER", "")

_PARAMETERS = {
    "Architecture": ARCHITECTURE,
    # The shortest visibility timeout: a job whose worker was killed is retried after it.
    "WorkerTiming": "quick",
    # MiniStack has a limit of its own and does not read one that comes from a parameter.
    "WorkerConcurrency": "0",
    # Half of the executions may hold long polls, and tests hold many at the same time.
    "PollConcurrency": "100",
    # A developer's HTTP targets listen on this machine.
    "AllowPrivateTargets": "true",
    # make run JWT_ISSUER=http://127.0.0.1:8080/realms/dev JWT_AUDIENCE=tollgate
    "JwtIssuer": "" if _ISSUER.startswith("http:") else _ISSUER,
    "EmulatorJwtIssuer": _ISSUER if _ISSUER.startswith("http:") else "",
    "JwtAudience": os.environ.get("JWT_AUDIENCE", ""),
    "JwtAdmin": os.environ.get("JWT_ADMIN", "false"),
    # `debug` and the like: make run LOG_LEVEL=debug
    "LogLevel": os.environ.get("LOG_LEVEL", "info"),
    "SenderAddress": SENDER,
    # make run OPERATOR_EMAIL=me@example.com creates the alarms as well
    "OperatorEmail": os.environ.get("OPERATOR_EMAIL", ""),
    # make run TASKER_URL=http://127.0.0.1:8000/users/delete
    "TaskerUrl": os.environ.get("TASKER_URL", ""),
}


def overrides(endpoint: str) -> list[str]:
    """The template's parameters for `sam`, quoted because it rejects unquoted empty values."""
    # For functions that reach the emulator at a different address than this script:
    # make run ENDPOINT=http://127.0.0.1:4566 FUNCTIONS_ENDPOINT=http://localstack:4566
    called = {"AwsEndpointUrl": os.environ.get("FUNCTIONS_ENDPOINT") or endpoint}
    return [f'{name}="{value}"' for name, value in {**_PARAMETERS, **called}.items()]


def logical_id(function: str) -> str:
    """The logical id of a function in template.yaml."""
    return "".join(part.title() for part in function.split("-")) + "Function"


def template(folder: Path) -> Path:
    """The deployed copy of the template, in the same folder as the functions."""
    return folder / "deploy" / "template.yaml"


def deploy(sam: Path, endpoint: str, programs: dict[str, Path], folder: Path) -> dict[str, str]:
    """Deploys changes since the last deployment and returns the stack's outputs."""
    stage = _stage(programs, template(folder).parent)
    create_bucket(endpoint, _BUCKET)
    create_sender(endpoint, SENDER)
    # MiniStack uses this tag as the API's id, which keeps the URL stable.
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
    """Copies template and functions to a staging folder; target/lambda/ holds the AWS build."""
    for name in FUNCTIONS:
        bootstrap = stage / "target" / "lambda" / name / "bootstrap"
        bootstrap.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(programs[name], bootstrap)
    shutil.copy2(ROOT / "template.yaml", stage / "template.yaml")
    return stage


def _environment(endpoint: str, folder: Path) -> dict[str, str]:
    """Environment for sam: it reaches only the emulator and does not write to the home folder."""
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
