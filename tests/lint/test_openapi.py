"""Tests of the search for breaking changes of the API."""

from __future__ import annotations

import copy
import json
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.local.openapi_changes import breaking_changes
from infra.local.openapi_compat import acknowledged

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]


def description(request: Any, response: Any, schemas: Json | None = None) -> Json:
    """A description with one operation, which has a body and a response."""
    operation = {
        "parameters": [{"in": "query", "name": "limit", "schema": {"type": "integer"}}],
        "requestBody": {"content": {"application/json": {"schema": request}}},
        "responses": {"200": {"content": {"application/json": {"schema": response}}}},
    }
    return {"paths": {"/x": {"put": operation}}, "components": {"schemas": schemas or {}}}


def requests(old: Any, new: Any, schemas: Json | None = None) -> list[str]:
    """Changes of a request, without their place."""
    found = breaking_changes(description(old, {}, schemas), description(new, {}, schemas))
    return [change.removeprefix("PUT /x body application/json") for change in found]


def responses(old: Any, new: Any) -> list[str]:
    """Changes of a response, without their place."""
    found = breaking_changes(description({}, old), description({}, new))
    return [change.removeprefix("PUT /x 200 application/json") for change in found]


def properties(*required: str, **members: Any) -> Json:
    return {"type": "object", "properties": members, "required": list(required)}


TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}


class Schemas(unittest.TestCase):
    """Part of `python3 -m infra.local lint tests`"""

    def check(self, old: Any, new: Any, request: list[str], response: list[str]) -> None:
        with self.subTest(old=old, new=new):
            self.assertEqual(requests(old, new), request, "request")
            self.assertEqual(responses(old, new), response, "response")

    def test_properties(self) -> None:
        both = properties(a=TEXT, b=TEXT)
        self.check(both, properties(a=TEXT), [".b: removed"], [".b: removed"])
        self.check(properties(a=TEXT), both, [], [])
        self.check(both, properties("b", a=TEXT, b=TEXT), [".b: now required"], [])
        self.check(properties("b", a=TEXT, b=TEXT), both, [], [".b: no longer required"])
        self.check(properties(), properties("b", b=TEXT), [".b: now required"], [])

    def test_types(self) -> None:
        nullable = {"type": ["string", "null"]}
        self.check(TEXT, nullable, [], [": type widened"])
        self.check(nullable, TEXT, [": type narrowed"], [])
        self.check({"oneOf": [TEXT, {"type": "null"}]}, nullable, [], [])
        self.check({"type": "integer"}, NUMBER, [], [": type widened"])
        self.check({}, TEXT, [": type narrowed"], [])
        self.check({"items": NUMBER}, {"items": TEXT}, ["[]: type narrowed"], ["[]: type widened"])

    def test_values(self) -> None:
        few, many = {"enum": ["a"]}, {"enum": ["a", "b"]}
        self.check(few, many, [], [": enum widened"])
        self.check(many, few, [": enum narrowed"], [])
        self.check({}, few, [": enum narrowed"], [])
        self.check({"minimum": 1}, {"minimum": 2}, [": minimum narrowed"], [])
        self.check({"maxLength": 1}, {"maxLength": 2}, [], [": maxLength widened"])
        self.check({"maxItems": 1}, {}, [], [": maxItems widened"])
        self.check({}, {"minLength": 0}, [], [])
        self.check({}, {"pattern": "^a"}, [": pattern narrowed"], [])

    def test_additional_properties(self) -> None:
        closed = {"additionalProperties": False}
        self.check({}, closed, [": additionalProperties narrowed"], [])
        map_of = {"additionalProperties": TEXT}
        self.check(
            map_of, {"additionalProperties": NUMBER}, [".*: type narrowed"], [".*: type widened"]
        )

    def test_variants(self) -> None:
        one, other = properties("a", a=TEXT), properties("b", b=TEXT)
        self.check({"oneOf": [one, other]}, {"oneOf": [other, one]}, [], [])
        self.check({"oneOf": [one]}, {"oneOf": [one, other]}, [], [": variant 2 added"])
        self.check({"oneOf": [one, other]}, {"oneOf": [one]}, [": variant 2 removed"], [])
        narrower = properties("a", a={"type": "string", "maxLength": 3})
        changed = {"oneOf": [narrower, other]}
        self.check({"oneOf": [one, other]}, changed, [".a: maxLength narrowed"], [])

    def test_components(self) -> None:
        node = {"properties": {"next": {"$ref": "#/components/schemas/Node"}, "size": NUMBER}}
        other = {"properties": {**node["properties"], "size": TEXT}}
        reference = {"$ref": "#/components/schemas/Node"}
        old = description({}, reference, {"Node": node})
        combined = {"allOf": [reference, {"description": "A node."}]}
        self.assertEqual(breaking_changes(old, description({}, combined, {"Node": node})), [])
        new = description({}, reference, {"Node": other})
        self.assertEqual(breaking_changes(old, new), ["Node.size: type widened"])


class Operations(unittest.TestCase):
    """Changes of Tollgate's own description."""

    def setUp(self) -> None:
        self.old = json.loads((ROOT / "infra" / "openapi.json").read_text())

    def changes(self, change: Callable[[Json], object]) -> list[str]:
        new = copy.deepcopy(self.old)
        change(new)
        return breaking_changes(self.old, new)

    def test_nothing(self) -> None:
        self.assertEqual(self.changes(lambda _: None), [])

    def test_paths_and_methods(self) -> None:
        found = self.changes(lambda new: new["paths"]["/v1/jobs"].pop("post"))
        self.assertEqual(found, ["POST /v1/jobs: removed"])
        found = self.changes(lambda new: new["paths"].pop("/v1/jobs/{id}"))
        self.assertEqual(found, ["DELETE /v1/jobs/{id}: removed", "GET /v1/jobs/{id}: removed"])

    def test_statuses_and_headers(self) -> None:
        def rename(new: Json) -> None:
            answers = new["paths"]["/v1/jobs"]["post"]["responses"]
            answers["201"] = answers.pop("202")
            del answers["401"]["headers"]["WWW-Authenticate"]

        self.assertEqual(
            self.changes(rename),
            ["POST /v1/jobs 202: removed", "POST /v1/jobs 401 WWW-Authenticate: removed"],
        )

    def test_parameters_and_bodies(self) -> None:
        def change(new: Json) -> None:
            operation = new["paths"]["/v1/jobs"]["post"]
            key, trace = operation["parameters"]
            key["required"] = True
            trace["name"] = "trace"
            operation["requestBody"]["content"]["application/cbor"] = operation["requestBody"][
                "content"
            ].pop("application/json")

        self.assertEqual(
            self.changes(change),
            [
                "POST /v1/jobs body application/json: removed",
                "POST /v1/jobs header Idempotency-Key: now required",
                "POST /v1/jobs header traceparent: removed",
            ],
        )

    def test_a_shared_component_is_reported_once(self) -> None:
        def change(new: Json) -> None:
            new["components"]["schemas"]["Status"]["enum"].append("paused")
            del new["components"]["schemas"]["JobRequest"]["properties"]["callback_url"]

        self.assertEqual(
            self.changes(change), ["JobRequest.callback_url: removed", "Status: enum widened"]
        )


class Acknowledged(unittest.TestCase):
    """Changes that infra/openapi-breaking.txt accepts."""

    def test_section_of_the_tag(self) -> None:
        text = "# Changes\n[v1]\nGET /a: removed\n\n[v2]\n# Why\nGET /b: removed\n"
        self.assertEqual(acknowledged(text, "v2"), {"GET /b: removed"})
        self.assertEqual(acknowledged(text, "v3"), set())


if __name__ == "__main__":
    unittest.main()
