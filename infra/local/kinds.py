"""The default kinds: `infra/kinds/<name>.json` holds the body of `PUT /v1/kinds/<name>`."""

from __future__ import annotations

from infra.local import api
from infra.local.failure import Failure
from infra.local.places import ROOT


def apply(url: str, operator_key: str) -> None:
    """Puts every default kind."""
    for file in sorted((ROOT / "infra" / "kinds").glob("*.json")):
        status, body = api.call("PUT", f"{url}/v1/kinds/{file.stem}", operator_key, file.read_bytes())
        if status not in (200, 201):
            raise Failure(f"The kind in {file.relative_to(ROOT)} was refused with {status}: {body}")
