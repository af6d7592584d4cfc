"""Tests a running API against its OpenAPI description with Schemathesis.

https://schemathesis.readthedocs.io
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from infra.local import api
from infra.local.failure import Failure
from infra.local.keys import TENANT_SCOPES
from infra.local.paths import ROOT
from infra.local.processes import run
from infra.local.stack import Stack
from infra.local.steps import print_message
from infra.local.venvs import venv

_CONFIG = Path(__file__).with_name("schemathesis.toml")
# Phases of Schemathesis. `fuzzing` and `stateful` generate random requests until the time is over.
_DETERMINISTIC_PHASES, _ALL_PHASES = "examples,coverage", "examples,coverage,fuzzing,stateful"


def check(stack: Stack, minutes: float, seed: int | None) -> int:
    """Calls every operation as two tenants, then as the operator; returns the worst status.

    With 0 minutes, only sends deterministic requests: examples and boundary values of the schemas.
    """
    tenant, other = stack.tenant_key, _second_tenant_key(stack)
    statuses = []
    with tempfile.TemporaryDirectory(prefix="tollgate-") as folder:
        # With two tenants, Schemathesis checks that neither reads the other's resources.
        for name, users in (
            ("tenants", {"tenant": tenant, "other": other}),
            ("the operator", {"operator": stack.operator_key}),
        ):
            print_message(f"\nAPI as {name}:")
            keys, config = Path(folder) / "keys.json", Path(folder) / "schemathesis.toml"
            _write(keys, json.dumps({"auth": [_user(user, key) for user, key in users.items()]}))
            _write(config, _CONFIG.read_text() + _auth(keys, users))
            statuses.append(_run(stack.url, config, minutes / 2, seed, Path(folder)))
    return max(statuses)


def _run(url: str, config: Path, minutes: float, seed: int | None, folder: Path) -> int:
    chosen = (
        ["--phases", _ALL_PHASES, "--max-time", str(round(minutes * 60))]
        if minutes
        else ["--phases", _DETERMINISTIC_PHASES]
    )
    if seed is not None:
        chosen += ["--seed", str(seed)]
    return run(
        [
            venv("schemathesis") / "schemathesis",
            "--config-file",
            config,
            "run",
            ROOT / "infra" / "openapi.json",
            "--url",
            url,
            "--checks",
            "all",
            *chosen,
        ],
        env={**os.environ, "NO_PROXY": "127.0.0.1", "COLUMNS": "140"},
        cwd=folder,
    )


def _user(name: str, key: str) -> dict[str, object]:
    return {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {key}"}]}


def _auth(keys: Path, users: dict[str, str]) -> str:
    peers = f"peers = {json.dumps(list(users))}\n" if len(users) > 1 else ""
    return f"\n[auth.wfc]\npath = {json.dumps(str(keys))}\n{peers}"


def _second_tenant_key(stack: Stack) -> str:
    account = _create(f"{stack.url}/v1/accounts", stack.operator_key, {"name": "another tenant"})[
        "id"
    ]
    asked: dict[str, object] = {"name": "schemathesis", "scopes": TENANT_SCOPES.split(",")}
    return str(
        _create(f"{stack.url}/v1/accounts/{account}/keys", stack.operator_key, asked)["secret"]
    )


def _create(url: str, key: str, body: dict[str, object]) -> dict[str, object]:
    status, answer = api.call("POST", url, key, json.dumps(body).encode())
    if status != 201:
        raise Failure(f"creating the second tenant failed: {url} responded {status}.\n{answer}")
    created: dict[str, object] = json.loads(answer)
    return created


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)
