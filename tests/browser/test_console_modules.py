"""The console's pure modules, imported by a page: what a form is made of, what a chart draws, and how things are said."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page


@pytest.fixture
def module(page: Page, url: str):
    """`module("format.js", "m.bytes(1500)")` evaluates an expression with a module as `m`, and `x` as what is given besides."""
    page.goto(url)

    def evaluate(name: str, expression: str, given: Any = None) -> Any:
        # No text is run as code: the policy forbids it. The debugger's own evaluation isn't the page's.
        return page.evaluate(f"async (x) => {{ const m = await import(new URL('console/{name}', document.baseURI)); return {expression}; }}", given)
    return evaluate


@pytest.mark.parametrize(("count", "text"), [(None, "–"), (0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1550, "1.55 kB"), (999_499, "999 kB"), (999_500, "1 MB"),
                                             (82_400_000, "82.4 MB"), (1e12, "1 TB"), (2**53, "9.01 PB")])
def test_bytes_are_said_in_units(module, count, text) -> None:
    assert module("format.js", "m.bytes(x)", count) == text


@pytest.mark.parametrize(("ms", "text"), [(-5, "0 ms"), (3.4, "3 ms"), (4200, "4.2 s"), (59_600, "1 min"), (200_000, "3 min 20 s"), (7_500_000, "2 h 5 min"), (273_600_000, "3 d 4 h")])
def test_durations_are_said_in_two_units(module, ms, text) -> None:
    assert module("format.js", "m.duration(x)", ms) == text


def test_times_are_local_and_the_zone_is_said(visit, url: str) -> None:
    page = visit(timezone_id="Asia/Kolkata")
    page.goto(url)
    said = page.evaluate("""async () => {
        const m = await import(new URL("console/format.js", document.baseURI));
        const at = "2026-11-20T20:00:07.123Z";
        return [m.local(at, new Date("2026-01-01")), m.local(at, new Date(at)), m.utc(at), m.zone(new Date(at)), m.distance(at, new Date("2026-11-20T20:03:10Z"))];
    }""")
    assert said == ["2026-11-21 01:30:07", "01:30:07", "2026-11-20 20:00:07.123 UTC", "Asia/Calcutta (UTC+5:30)", "3 min ago"]


@pytest.mark.parametrize(("status", "message", "passes", "title"), [
    (413, "Request Too Long", False, "The request is too large"), (429, "Too Many Requests", True, "Too many requests at once"),
    (500, "Internal Server Error", True, "No answer from Tollgate"), (503, "Service Unavailable", True, "Too many requests at once"),
    (418, "I'm a teapot", False, "The answer is 418")])
def test_answers_of_the_gateway_itself_are_problems(module, status: int, message: str, passes: bool, title: str) -> None:
    given = {"status": status, "body": {"message": message}}
    read = "(({ title, detail, status, passes, requestId }) => ({ title, detail, status, passes, requestId }))"
    headers = "{ headers: { 'apigw-requestid': 'r1' }, status: x.status }"
    problem = module("problem.js", f"{read}(m.refusal(new Response(null, {headers}), x.body))", given)
    assert problem.pop("detail").startswith(f"{message}.")
    assert problem == {"title": title, "status": status, "passes": passes, "requestId": "r1"}


def test_a_problem_of_tollgate_is_shown_as_it_is(module) -> None:
    given = {"type": "urn:tollgate:problem:unavailable", "title": "T", "detail": "D", "request_id": "r2"}
    read = "(({ title, detail, retryAfter, requestId }) => [title, detail, retryAfter, requestId])"
    answer = "new Response(null, { headers: { 'retry-after': '3' }, status: 503 })"
    assert module("problem.js", f"{read}(m.refusal({answer}, x))", given) == ["T", "D", 3, "r2"]


SCHEMA = {
    "type": "object",
    "required": ["b", "a", "kind"],
    "properties": {
        "a": {"type": "integer", "exclusiveMinimum": 0, "maximum": 9},
        "b": {"type": ["string", "null"], "minLength": 2, "pattern": "^x"},
        "kind": {"const": "fixed"},
        "list": {"$ref": "#/$defs/names"},
        "free": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "any": {},
        "map": {"type": "object", "additionalProperties": {"type": "integer"}},
        "tree": {"$ref": "#/$defs/tree"},
        "elsewhere": {"$ref": "https://example.com/schema"},
    },
    "$defs": {
        "names": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "tree": {"type": "object", "properties": {"name": {"type": "string"}, "branch": {"$ref": "#/$defs/tree"}}},
    },
}


def test_a_schema_becomes_fields(module) -> None:
    form = module("schema/form.js", "m.fieldOf(x)", SCHEMA)
    fields = {field["name"]: field for field in form["fields"]}
    assert [field["name"] for field in form["fields"]][:3] == ["b", "a", "kind"], "required ones first, in their order"
    assert {name: field["type"] for name, field in fields.items()} == {
        "a": "integer", "b": "text", "kind": "enum", "list": "array", "free": "json", "any": "json", "map": "json", "tree": "object", "elsewhere": "json"}
    assert (fields["a"]["min"], fields["a"]["max"], fields["a"]["step"]) == (1, 9, 1)
    assert fields["b"]["isNullable"] and fields["b"]["minLength"] == 2 and fields["b"]["pattern"] == "[\\s\\S]*(?:^x)[\\s\\S]*"
    assert fields["list"]["item"]["type"] == "text"
    # What goes on for ever is JSON from where it begins anew.
    assert [field["type"] for field in fields["tree"]["fields"]] == ["text", "json"]


@pytest.mark.parametrize("schema", [True, False, {}, {"$ref": "#"}, {"type": "array"}, {"type": ["string", "integer"]}, {"allOf": [{"type": "object"}]}, {"$ref": "#/nowhere"}])
def test_what_no_form_can_express_is_json(module, schema) -> None:
    assert module("schema/form.js", "m.fieldOf(x).type", schema) == "json"


def test_a_form_begins_with_defaults_and_as_little_as_it_may(module) -> None:
    schema = {"type": "object", "required": ["inner", "yes", "many"], "properties": {
        "inner": {"type": "object", "required": ["level"], "properties": {"level": {"type": "integer", "default": 3}, "note": {"type": "string"}}},
        "yes": {"type": "boolean"}, "maybe": {"type": "boolean"}, "many": {"type": "array", "items": {"type": "string"}, "minItems": 2}}}
    assert module("schema/form.js", "m.initial(m.fieldOf(x))", schema) == {"inner": {"level": 3}, "yes": False, "many": ["", ""]}


@pytest.mark.parametrize(("value", "is_shown"), [({"a": 1, "b": "x", "kind": "fixed"}, True), ({"a": "1"}, False), ({"more": 1}, False), ([], False), ({"b": None}, True),
                                                 ({"list": ["x", 1]}, False), ({"free": {"any": "thing"}}, True)])
def test_json_goes_into_the_form_only_where_nothing_is_lost(module, value, is_shown) -> None:
    assert module("schema/form.js", "m.fits(m.fieldOf(x[0]), x[1])", [SCHEMA, value]) is is_shown


def test_pointers_lead_to_what_is_changed(module) -> None:
    assert module("schema/pointer.js", "m.names(m.join(m.join('', 'a/b'), '~'))") == ["a/b", "~"]
    before = {"a": [{"b": 1}, {"b": 2}], "c": 3}
    assert module("schema/pointer.js", "m.changed(x, ['a', '1', 'b'], 9)", before) == {"a": [{"b": 1}, {"b": 9}], "c": 3}
    assert module("schema/pointer.js", "m.changed(x, ['c'], undefined)", before) == {"a": [{"b": 1}, {"b": 2}]}


@pytest.mark.parametrize(("pointer", "found"), [("/retry/max_attempts", '"max_attempts": 3'), ("/list/1/name", '"name": "two"'), ("/list/0", "{"), ("/retry/nothing", '"retry": {')])
def test_a_pointer_leads_to_its_line(module, pointer, found) -> None:
    text = '{\n  "name": "x",\n  "list": [\n    {\n      "name": "one, [ {"\n    },\n    {\n      "name": "two"\n    }\n  ],\n  "retry": {\n    "max_attempts": 3\n  }\n}'
    assert module("definitions/lines.js", "x[0].slice(...m.lineOf(x[0], x[1]))", [text, pointer]) == found


def points(service: str, values: list[int | None]) -> list[dict[str, Any]]:
    return [{"service": service, "route": "", "time": f"2026-11-20T16:0{at}:00.000Z", "bandwidth_used": value} for at, value in enumerate(values, 1)]


def test_gaps_stay_gaps_and_others_are_summed(module) -> None:
    given = points("a", [1, None, 3]) + points("b", [None, None, 30]) + points("c", [100, None, None])
    found = module("usage/series.js", "m.busiest(m.columns(x, ({ service }) => service).series, 2)", given)
    assert found == [{"name": "c", "values": [100, None, None], "total": 100}, {"name": "2 others", "values": [1, None, 33], "total": 34}]


def test_a_quota_is_cumulated_from_its_periods_begin_to_where_it_leads(module) -> None:
    quota = {"period_start": "2026-11-20T16:00:00Z", "period_end": "2026-11-20T17:00:00Z", "limit_bytes": 200, "thresholds": [80, 100], "projected": 480}
    given = points("a", [None, 10, 20]) + points("b", [None, 1, None])
    # Half a minute before the end of the last window.
    drawn = module("usage/series.js", "m.standing(x[0], x[1], Date.parse('2026-11-20T16:02:30Z') / 1000)", [quota, given])
    begin = drawn["times"][0]
    assert [time - begin for time in drawn["times"]] == [0, 60, 120, 150, 3600]
    assert drawn["used"] == [0, 0, 11, 31, None]
    assert drawn["leads"] == [None, None, None, 31, 480]
    assert drawn["thresholds"] == [{"threshold": 80, "bytes": 160}, {"threshold": 100, "bytes": 200}]


@pytest.mark.parametrize(("source", "health"), [({}, "waiting"), ({"last_success_at": "2026-11-20T16:00:00Z"}, "healthy"),
    ({"last_success_at": "2026-11-20T16:00:00Z", "last_error_at": "2026-11-20T16:01:00Z"}, "failing"),
    ({"last_success_at": "2026-11-20T16:02:00Z", "last_error_at": "2026-11-20T16:01:00Z", "last_warning": "x"}, "warning")])
def test_a_sources_health_is_that_of_its_latest_collection(module, source, health) -> None:
    assert module("sources/health.js", "m.healthOf(x)", source) == health
