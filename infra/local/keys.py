"""Creates the first keys of a stack directly in the table, since the API requires a key."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from infra.local import api
from infra.local.aws import CREDENTIALS
from infra.local.failure import Failure

OPERATOR_SCOPES = "admin"
TENANT_SCOPES = "jobs:read,jobs:write,events:read,events:write,usage:read,usage:write,metrics:read"


def create(
    bootstrap: Path, endpoint: str, table: str, account: str, scopes: str
) -> tuple[str, str]:
    """Creates an account with one key in the table; returns the account's id and the key."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    process = subprocess.run(
        [bootstrap, "--table", table, "--account", account, "--scopes", scopes],
        env={**inherited, **CREDENTIALS, "AWS_ENDPOINT_URL": endpoint},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        answer = json.loads(process.stdout)
        return answer["account"], answer["key"]
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(
            f"creating a key for {account} failed: `tollgate-bootstrap` ended with status "
            f"{process.returncode}.\n"
            f"{process.stdout}{process.stderr}"
        ) from error


def is_valid(url: str, key: str) -> bool:
    """Whether a key is valid, as it is after a restart with persisted data."""
    status, _ = api.call("GET", f"{url}/v1/kinds", key)
    return status == 200
