"""Defines the default kinds: `infra/kinds/<name>.json` is the body of `PUT /v1/kinds/<name>`.

The URL of a target may refer to an output of the stack as `${Output}`. Without that output, the
target becomes `echo`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from infra.local import api
from infra.local.failure import Failure
from infra.local.paths import ROOT
from infra.local.steps import print_message

_OUTPUT = re.compile(r"\$\{(\w+)\}")


def define(url: str, operator_key: str, tasker_url: str) -> int:
    """Defines the kinds of a stack at any URL, and prints their names."""
    names = apply(url.rstrip("/"), operator_key, {"TaskerUrl": tasker_url})
    print_message(f"Defined: {', '.join(names)}." if names else "All kinds exist already.")
    return 0


def apply(url: str, operator_key: str, outputs: dict[str, str]) -> list[str]:
    """Puts missing default kinds, and those whose target URL changed with the stack's outputs.

    Other changes by the operator are kept. Returns the names of the kinds that were put.
    """
    done = []
    for file in sorted((ROOT / "infra" / "kinds").glob("*.json")):
        spec = json.loads(file.read_text())
        address = _target_url(spec["target"], outputs)
        if address is not None:
            spec["target"] = {**spec["target"], "url": address} if address else {"type": "echo"}
        kind = f"{url}/v1/kinds/{file.stem}"
        if _is_defined(kind, operator_key, address):
            continue
        status, body = api.call("PUT", kind, operator_key, json.dumps(spec).encode())
        if status not in (200, 201):
            raise Failure(
                f"The kind in {file.relative_to(ROOT)} was rejected with {status}: {body}"
            )
        done.append(file.stem)
    return done


def _is_defined(kind: str, key: str, address: str | None) -> bool:
    """Whether the kind exists and, if an address is given, has it as its target."""
    status, body = api.call("GET", kind, key)
    if status not in (200, 404):
        raise Failure(f"{kind} responded {status}: {body}")
    return status == 200 and (not address or json.loads(body)["target"].get("url") == address)


def _target_url(target: dict[str, Any], outputs: dict[str, str]) -> str | None:
    """The output that a target's URL refers to, empty if missing; `None` without a reference."""
    named = _OUTPUT.fullmatch(target.get("url", ""))
    return outputs.get(named[1], "") if named else None
