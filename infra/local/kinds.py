"""The default kinds: `infra/kinds/<name>.json` holds the body of `PUT /v1/kinds/<name>`.

The URL of a target may be an output of the stack, written `${Output}`. Where the stack has none, the target is `echo`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from infra.local import api
from infra.local.failure import Failure
from infra.local.places import ROOT

_OUTPUT = re.compile(r"\$\{(\w+)\}")


def apply(url: str, operator_key: str, outputs: dict[str, str]) -> None:
    """Puts every default kind."""
    for file in sorted((ROOT / "infra" / "kinds").glob("*.json")):
        spec = json.loads(file.read_text())
        spec["target"] = _filled(spec["target"], outputs)
        status, body = api.call("PUT", f"{url}/v1/kinds/{file.stem}", operator_key, json.dumps(spec).encode())
        if status not in (200, 201):
            raise Failure(f"The kind in {file.relative_to(ROOT)} was refused with {status}: {body}")


def _filled(target: dict[str, Any], outputs: dict[str, str]) -> dict[str, Any]:
    named = _OUTPUT.fullmatch(target.get("url", ""))
    if not named:
        return target
    address = outputs.get(named[1], "")
    return {**target, "url": address} if address else {"type": "echo"}
