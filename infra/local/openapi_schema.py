"""Compares JSON Schemas of two OpenAPI descriptions, by the keywords that utoipa generates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import inf
from typing import Any

Json = dict[str, Any]

# Bounds, with the value that means none.
_LOWER = {"minimum": -inf, "exclusiveMinimum": -inf, "minLength": 0, "minItems": 0}
_UPPER = dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems"), inf)
# Of these any other value counts as narrower, since which one is can't be told.
_OPAQUE = ("pattern", "format", "uniqueItems", "multipleOf")


class Comparison:
    """Finds what the sender's schema allows and the receiver's doesn't.

    In requests old clients send and the new server receives; in responses it is the reverse.
    """

    def __init__(self, old: Json, new: Json, *, is_request: bool) -> None:
        self._is_request = is_request
        self._verb = "narrowed" if is_request else "widened"
        both = (old, new) if is_request else (new, old)
        self._sent, self._expected = (one.get("components", {}).get("schemas", {}) for one in both)

    def changes(self, old: Json, new: Json, place: str) -> Iterator[str]:
        """Breaking changes from the old schema to the new one."""
        both = (old, new) if self._is_request else (new, old)
        yield from self._misfits(*both, place, frozenset())

    def _misfits(
        self, sent: Any, expected: Any, place: str, inside: frozenset[str]
    ) -> Iterator[str]:
        pair = json.dumps([sent, expected])
        if pair in inside:
            return
        inside |= {pair}
        # A component is named by itself, so that its changes are reported once.
        if isinstance(sent, dict) and "$ref" in sent:
            place = sent["$ref"].rpartition("/")[2]
        sent, expected = _resolve(sent, self._sent), _resolve(expected, self._expected)
        for keyword in _narrower(sent, expected):
            yield f"{place}: {keyword} {self._verb}"
        yield from self._properties(sent, expected, place, inside)
        for keyword, suffix in (("items", "[]"), ("additionalProperties", ".*")):
            inner = expected.get(keyword)
            if isinstance(inner, dict):
                yield from self._misfits(sent.get(keyword, {}), inner, place + suffix, inside)
        yield from self._variants(sent, expected, place, inside)

    def _properties(
        self, sent: Json, expected: Json, place: str, inside: frozenset[str]
    ) -> Iterator[str]:
        both = sent.get("properties", {}), expected.get("properties", {})
        old, new = both if self._is_request else reversed(both)
        for name in old.keys() - new.keys():
            yield f"{place}.{name}: removed"
        required = set(expected.get("required", [])) - set(sent.get("required", []))
        for name in required & new.keys():
            yield f"{place}.{name}: {'now' if self._is_request else 'no longer'} required"
        for name in old.keys() & new.keys():
            yield from self._misfits(both[0][name], both[1][name], f"{place}.{name}", inside)

    def _variants(
        self, sent: Json, expected: Json, place: str, inside: frozenset[str]
    ) -> Iterator[str]:
        """Each variant that is sent must fit one that is expected."""
        if "oneOf" not in {*sent, *expected}:
            return
        choices: list[Json] = expected.get("oneOf", [expected])
        for index, variant in enumerate(sent.get("oneOf", [sent])):
            found = [list(self._misfits(variant, one, place, inside)) for one in choices]
            if all(found):
                verb = "removed" if self._is_request else "added"
                yield from (
                    found[index] if index < len(found) else [f"{place}: variant {index + 1} {verb}"]
                )


def _narrower(sent: Json, expected: Json) -> Iterator[str]:
    """Keywords by which `expected` accepts less than `sent`."""
    types = _types(expected)
    if types and not (_types(sent) and _types(sent) <= types):
        yield "type"
    if "enum" in expected and not {*sent.get("enum", [object()])} <= {*expected["enum"]}:
        yield "enum"
    yield from (
        key for key, none in _LOWER.items() if expected.get(key, none) > sent.get(key, none)
    )
    yield from (
        key for key, none in _UPPER.items() if expected.get(key, none) < sent.get(key, none)
    )
    yield from (key for key in _OPAQUE if expected.get(key) not in (None, False, sent.get(key)))
    if (
        expected.get("additionalProperties") is False
        and sent.get("additionalProperties") is not False
    ):
        yield "additionalProperties"


def _types(schema: Json) -> set[str]:
    """Accepted types; empty if any is."""
    named = schema.get("type", [])
    types = {named} if isinstance(named, str) else {*named}
    return types | {"integer"} if "number" in types else types


def _resolve(schema: Any, components: Json) -> Json:
    """The schema without `$ref`, `allOf`, `anyOf`, or a variant that only stands for null."""
    if not isinstance(schema, dict):
        return {}
    parts = list(schema.get("allOf", []))
    if "$ref" in schema:
        parts.append(components[schema["$ref"].rpartition("/")[2]])
    variants: list[Json] = schema.get("oneOf") or schema.get("anyOf") or []
    kept = [one for one in variants if one != {"type": "null"}]
    is_nullable = len(kept) == 1 < len(variants)
    parts += kept if is_nullable else []
    own = {key: value for key, value in schema.items() if key not in _COMBINING}
    merged: Json = {}
    for part in [*(_resolve(part, components) for part in parts), own]:
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        required = [*merged.get("required", []), *part.get("required", [])]
        merged = {**merged, **part, "properties": properties, "required": required}
    if is_nullable:
        merged["type"] = sorted({*_types(merged), "null"} if _types(merged) else ())
        merged |= {"enum": [*merged["enum"], None]} if "enum" in merged else {}
    elif variants:
        merged["oneOf"] = variants
    return merged


_COMBINING = {"$ref", "allOf", "oneOf", "anyOf"}
