"""Creates a deployed stack's first key; runs inside SAM's virtual environment.

botocore resolves the credentials as it does for `sam`: environment, profile, SSO, `aws login`,
`credential_process`, roles. `tollgate-bootstrap` gets them in its environment, never as arguments.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from botocore import exceptions
from botocore.config import Config
from botocore.session import Session

# Other AWS_* variables are removed: `tollgate-bootstrap` must use the resolved credentials, not a
# profile.
_INHERITED = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
)
_INVALID_CREDENTIALS = (
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
)


class FirstKeyError(Exception):
    """The reason why no key can be created, with a remedy for the user."""


def main() -> int:
    """Creates the key, prints it as JSON, and prints the next steps to stderr."""
    given = _arguments()
    try:
        saved = _saved_parameters(given.samconfig)
        stack = given.stack or saved.get("stack_name", "tollgate")
        profile = given.profile or saved.get("profile")
        # botocore only reads AWS_DEFAULT_REGION; other SDKs and AWS CLI version 2 read AWS_REGION.
        region = given.region or saved.get("region") or os.environ.get("AWS_REGION")
        session = Session(profile=profile)
        if region:
            session.set_config_variable("region", region)
        variables, outputs = _resolve(session, stack, profile)
    except FirstKeyError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    made = subprocess.run(
        [given.bootstrap, "--table", outputs["TableName"], *given.rest], env=variables, check=False
    )
    if made.returncode == 0:
        _print_next_steps(outputs)
    return made.returncode


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--samconfig", type=Path, required=True)
    for name in ("stack", "profile", "region"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("rest", nargs="*")
    return parser.parse_args()


def _saved_parameters(samconfig: Path) -> Mapping[str, str]:
    """Parameters that `sam deploy --guided` saved; `deploy` overrides `global`."""
    try:
        default = tomlkit.parse(samconfig.read_text()).unwrap().get("default", {})
    except FileNotFoundError:
        return {}
    sections = (default.get(command, {}).get("parameters", {}) for command in ("global", "deploy"))
    return {name: value for section in sections for name, value in section.items()}


def _resolve(
    session: Session, stack: str, profile: str | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Returns the environment for `tollgate-bootstrap` and the stack's outputs."""
    named = f" --profile {profile}" if profile else ""
    try:
        credentials = session.get_credentials()
        if credentials is None:
            raise FirstKeyError(
                "No AWS credentials. Sign in as for `sam deploy`, or choose a profile: "
                "make key PROFILE=…"
            )
        frozen: Any = credentials.get_frozen_credentials()
        # Pins these credentials, since the profile's may be refreshed before the next call.
        session.set_credentials(frozen.access_key, frozen.secret_key, frozen.token)
        described = _describe(session, stack)
    except exceptions.ProfileNotFound as error:
        raise FirstKeyError(f"{error}. List the profiles: aws configure list-profiles") from error
    except (exceptions.SSOError, exceptions.TokenRetrievalError) as error:
        raise FirstKeyError(f"{error}\n  Run: aws sso login{named}") from error
    except exceptions.LoginError as error:
        raise FirstKeyError(f"{error}\n  Run: aws login{named}") from error
    except exceptions.NoRegionError as error:
        raise FirstKeyError("No AWS region. Set that of the stack: make key REGION=…") from error
    except exceptions.ClientError as error:
        raise FirstKeyError(
            _client_error_text(error, stack, session.get_config_variable("region"))
        ) from error
    except exceptions.BotoCoreError as error:
        raise FirstKeyError(str(error)) from error
    outputs = {
        output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])
    }
    if "TableName" not in outputs:
        raise FirstKeyError(
            f"The stack {stack} has no output TableName; its status is "
            f"{described['StackStatus']}. Was Tollgate deployed to it?"
        )
    # arn:aws:cloudformation:<region>:…
    region = described["StackId"].split(":")[3]
    return _environment(frozen, region), outputs


def _describe(session: Session, stack: str) -> dict[str, Any]:
    client: Any = session.create_client(
        "cloudformation", config=Config(connect_timeout=10, retries={"mode": "standard"})
    )
    stacks: list[dict[str, Any]] = client.describe_stacks(StackName=stack)["Stacks"]
    return stacks[0]


def _environment(credentials: Any, region: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") or name in _INHERITED
    }
    token = {"AWS_SESSION_TOKEN": credentials.token} if credentials.token else {}
    return {
        **kept,
        **token,
        "AWS_REGION": region,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _client_error_text(error: exceptions.ClientError, stack: str, region: str) -> str:
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if code == "ValidationError" and "does not exist" in message:
        return (
            f"stack {stack} not found in {region}. Deploy it, or choose another: "
            "make key STACK=… REGION=…"
        )
    if code in _INVALID_CREDENTIALS:
        return f"AWS rejected the credentials ({code}): {message}\n  Sign in again, as for `sam`."
    if code.startswith("AccessDenied"):
        return (
            f"{message}\n  `make key` needs cloudformation:DescribeStacks, "
            "and dynamodb:PutItem on the table."
        )
    return f"{code}: {message}"


def _print_next_steps(outputs: Mapping[str, str]) -> None:
    tasker = f" TASKER_URL={outputs['TaskerUrl']}" if "TaskerUrl" in outputs else ""
    print(
        f"\nStore the key, it is not shown again. Next, define the default kinds:\n"
        f"  export TOLLGATE_URL={outputs.get('ApiUrl', '…')} TOLLGATE_KEY=tg_…\n"
        f"  make kinds{tasker}",
        file=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(main())
