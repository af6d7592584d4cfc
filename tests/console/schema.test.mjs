import assert from "node:assert/strict";
import test from "node:test";

import { load } from "./console.mjs";

const { canRepresent, fieldOf, initialValue } = await load("schema/form.js");
const { join, segments, withChange } = await load("schema/pointer.js");
const { lineOf } = await load("definitions/lines.js");

const SCHEMA = {
  type: "object",
  required: ["b", "a", "kind"],
  properties: {
    a: { type: "integer", exclusiveMinimum: 0, maximum: 9 },
    b: { type: ["string", "null"], minLength: 2, pattern: "^x" },
    kind: { const: "fixed" },
    list: { $ref: "#/$defs/names" },
    free: { anyOf: [{ type: "string" }, { type: "integer" }] },
    any: {},
    map: { type: "object", additionalProperties: { type: "integer" } },
    tree: { $ref: "#/$defs/tree" },
    elsewhere: { $ref: "https://example.com/schema" },
  },
  $defs: {
    names: { type: "array", items: { type: "string" }, minItems: 1 },
    tree: {
      type: "object",
      properties: { name: { type: "string" }, branch: { $ref: "#/$defs/tree" } },
    },
  },
};

test("a schema becomes fields", () => {
  const form = fieldOf(SCHEMA);
  const order = form.fields.map(({ name }) => name);
  assert.deepEqual(order.slice(0, 3), ["b", "a", "kind"], "required ones first, in their order");
  const { a, b, list, tree } = Object.fromEntries(form.fields.map((field) => [field.name, field]));
  assert.deepEqual(Object.fromEntries(form.fields.map(({ name, type }) => [name, type])), {
    a: "integer",
    b: "text",
    kind: "enum",
    list: "array",
    free: "json",
    any: "json",
    map: "json",
    tree: "object",
    elsewhere: "json",
  });
  assert.deepEqual([a.min, a.max, a.step], [1, 9, 1]);
  assert.deepEqual([b.isNullable, b.minLength, b.pattern], [true, 2, "[\\s\\S]*(?:^x)[\\s\\S]*"]);
  assert.equal(list.item.type, "text");
  assert.deepEqual(
    tree.fields.map(({ type }) => type),
    ["text", "json"],
    "a recursion is JSON from its second level",
  );
});

const UNSUPPORTED = [
  true,
  false,
  {},
  { $ref: "#" },
  { type: "array" },
  { type: ["string", "integer"] },
  { allOf: [{ type: "object" }] },
  { $ref: "#/nowhere" },
];
for (const schema of UNSUPPORTED) {
  test(`unsupported schema ${JSON.stringify(schema)}`, () =>
    assert.equal(fieldOf(schema).type, "json"));
}

test("initial values are defaults or the minimum that the schema allows", () => {
  const schema = {
    type: "object",
    required: ["inner", "yes", "many"],
    properties: {
      inner: {
        type: "object",
        required: ["level"],
        properties: { level: { type: "integer", default: 3 }, note: { type: "string" } },
      },
      yes: { type: "boolean" },
      maybe: { type: "boolean" },
      many: { type: "array", items: { type: "string" }, minItems: 2 },
    },
  };
  assert.deepEqual(initialValue(fieldOf(schema)), {
    inner: { level: 3 },
    yes: false,
    many: ["", ""],
  });
});

const VALUES = [
  [{ a: 1, b: "x", kind: "fixed" }, true],
  [{ a: "1" }, false],
  [{ more: 1 }, false],
  [[], false],
  [{ b: null }, true],
  [{ list: ["x", 1] }, false],
  [{ free: { any: "thing" } }, true],
];
for (const [value, isShown] of VALUES) {
  test(`a form ${isShown ? "represents" : "does not represent"} ${JSON.stringify(value)}`, () => {
    assert.equal(canRepresent(fieldOf(SCHEMA), value), isShown);
  });
}

test("a pointer is joined and split", () => {
  assert.deepEqual(segments(join(join("", "a/b"), "~")), ["a/b", "~"]);
});

test("a value is changed at a pointer", () => {
  const before = { a: [{ b: 1 }, { b: 2 }], c: 3 };
  assert.deepEqual(withChange(before, ["a", "1", "b"], 9), { a: [{ b: 1 }, { b: 9 }], c: 3 });
  assert.deepEqual(withChange(before, ["c"], undefined), { a: [{ b: 1 }, { b: 2 }] });
});

const TEXT = JSON.stringify(
  { name: "x", list: [{ name: "one, [ {" }, { name: "two" }], retry: { max_attempts: 3 } },
  null,
  2,
);
const LINES = [
  ["/retry/max_attempts", '"max_attempts": 3'],
  ["/list/1/name", '"name": "two"'],
  ["/list/0", "{"],
  ["/retry/nothing", '"retry": {'],
];
for (const [pointer, line] of LINES) {
  test(`${pointer} is at ${line}`, () => assert.equal(TEXT.slice(...lineOf(TEXT, pointer)), line));
}
