"""Finds breaking changes between two versions of an OpenAPI 3.1 description.

A request may not become narrower: what clients send today stays valid. A response may not become
wider: it may gain properties, but no values that today's clients don't expect.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from infra.local.openapi_schema import Comparison, Json

_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


def breaking_changes(old: Json, new: Json) -> list[str]:
    """Descriptions of all breaking changes, sorted, such as `GET /v1/jobs: removed`."""
    return sorted(set(_Changes(old, new).find()))


class _Changes:
    def __init__(self, old: Json, new: Json) -> None:
        self._old, self._new = old, new
        self._requests = Comparison(old, new, is_request=True)
        self._responses = Comparison(old, new, is_request=False)
        # Pairs of schemas that many operations share, such as problems, are reported once.
        self._compared: set[str] = set()

    def find(self) -> Iterator[str]:
        for path, item in self._old["paths"].items():
            changed = self._new["paths"].get(path, {})
            for method in (method for method in _METHODS if method in item):
                place = f"{method.upper()} {path}"
                if method in changed:
                    yield from self._operation(place, item[method], changed[method])
                else:
                    yield f"{place}: removed"

    def _operation(self, place: str, old: Json, new: Json) -> Iterator[str]:
        yield from self._inputs(place, _inputs(old), _inputs(new))
        for status, response in old["responses"].items():
            after = new["responses"].get(status)
            if after is None:
                yield f"{place} {status}: removed"
                continue
            for part in ("headers", "content"):
                both = response.get(part, {}), after.get(part, {})
                yield from self._schemas(f"{place} {status}", *both, self._responses)

    def _inputs(self, place: str, old: Json, new: Json) -> Iterator[str]:
        """Compares parameters and the body."""
        yield from (f"{place} {name}: removed" for name in old.keys() - new.keys())
        for name, after in new.items():
            before = old.get(name, {})
            if after.get("required") and not before.get("required"):
                yield f"{place} {name}: now required"
            if before:
                both = before["content"], after["content"]
                yield from self._schemas(f"{place} {name}", *both, self._requests)

    def _schemas(self, place: str, old: Json, new: Json, comparison: Comparison) -> Iterator[str]:
        """Compares schemas by media type or header."""
        for name, one in old.items():
            if name not in new:
                yield f"{place} {name}: removed"
                continue
            schemas = one.get("schema", {}), new[name].get("schema", {})
            pair = json.dumps([comparison is self._requests, *schemas], sort_keys=True)
            if pair not in self._compared:
                self._compared.add(pair)
                yield from comparison.changes(*schemas, f"{place} {name}".rstrip())


def _inputs(operation: Json) -> dict[str, Json]:
    """Parameters, such as `query limit`, and the body, in the form of a body."""
    inputs = {
        f"{one['in']} {one['name']}": {"required": one.get("required"), "content": {"": one}}
        for one in operation.get("parameters", [])
    }
    return inputs | ({"body": operation["requestBody"]} if "requestBody" in operation else {})
