// Converts a JSON Schema to a tree of fields. Pure. Parts that a form can't express are JSON text.

const MAX_DEPTH = 6;
const FORMATS = { email: "email", uri: "url", date: "date", time: null, "date-time": null };
// Keywords that the form does not support. Only the server validates them.
const UNSUPPORTED = [
  "anyOf",
  "oneOf",
  "allOf",
  "not",
  "if",
  "then",
  "else",
  "patternProperties",
  "prefixItems",
  "dependentSchemas",
  "$dynamicRef",
];

// The field of a schema: {type, title, description, isRequired, isNullable, …}. `type` is text,
// number, integer, boolean, enum, object, array or json.
export function fieldOf(
  schema,
  { root = schema, name = null, isRequired = true, depth = 0, seen = [] } = {},
) {
  const base = { name, isRequired, isNullable: false };
  if (typeof schema !== "object" || schema === null) return { ...base, type: "json" };
  if (schema.$ref !== undefined) return referred(schema, { root, name, isRequired, depth, seen });
  const field = {
    ...base,
    title: schema.title,
    description: schema.description,
    default: schema.default,
    examples: schema.examples,
  };
  if (depth > MAX_DEPTH || UNSUPPORTED.some((word) => word in schema))
    return { ...field, type: "json" };
  if ("const" in schema) return { ...field, type: "enum", options: [schema.const] };
  if (Array.isArray(schema.enum)) return { ...field, type: "enum", options: schema.enum };

  const types = [schema.type].flat().filter((type) => type !== undefined && type !== "null");
  field.isNullable = Array.isArray(schema.type) && schema.type.includes("null");
  const type =
    types.length === 1 ? types[0] : types.length === 0 && schema.properties ? "object" : null;
  const inner = { root, depth: depth + 1, seen };
  switch (type) {
    case "string":
      return { ...field, type: "text", ...texts(schema) };
    case "integer":
    case "number":
      return { ...field, type, ...numbers(schema) };
    case "boolean":
      return { ...field, type };
    case "array":
      return arrays(schema, field, inner);
    case "object":
      return objects(schema, field, inner);
    default:
      return { ...field, type: "json" };
  }
}

function texts({ minLength, maxLength, pattern, format }) {
  return {
    input: FORMATS[format] ?? "text",
    format,
    minLength,
    maxLength,
    pattern: htmlPattern(pattern),
    isLong: maxLength === undefined ? false : maxLength > 200,
  };
}

function numbers({ minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, type }) {
  const isWhole = type === "integer";
  return {
    min: minimum ?? (isWhole && exclusiveMinimum !== undefined ? exclusiveMinimum + 1 : undefined),
    max: maximum ?? (isWhole && exclusiveMaximum !== undefined ? exclusiveMaximum - 1 : undefined),
    step: multipleOf ?? (isWhole ? 1 : "any"),
  };
}

function arrays(schema, field, inner) {
  if (schema.items === undefined || typeof schema.items !== "object")
    return { ...field, type: "json" };
  const item = fieldOf(schema.items, { ...inner, isRequired: true });
  // A list of JSON texts is edited as one JSON text.
  if (item.type === "json") return { ...field, type: "json" };
  return {
    ...field,
    type: "array",
    item,
    minItems: schema.minItems ?? 0,
    maxItems: schema.maxItems,
  };
}

function objects(schema, field, inner) {
  const required = schema.required ?? [];
  const members = Object.entries(schema.properties ?? {});
  const isOpen = typeof schema.additionalProperties === "object";
  if (!members.length && schema.additionalProperties === false)
    return { ...field, type: "object", fields: [] };
  if (!members.length || isOpen) return { ...field, type: "json" };
  const fields = members.map(([name, one]) =>
    fieldOf(one, { ...inner, name, isRequired: required.includes(name) }),
  );
  // The API returns a schema's properties in alphabetical order. Required members go first, in the
  // order of `required`.
  const place = ({ name }) => (required.includes(name) ? required.indexOf(name) : required.length);
  return { ...field, type: "object", fields: fields.sort((a, b) => place(a) - place(b)) };
}

function referred(schema, { root, name, isRequired, depth, seen }) {
  const { $ref, ...siblings } = schema;
  const target = seen.includes($ref) ? undefined : resolved(root, $ref);
  if (target === undefined)
    return { name, isRequired, isNullable: false, type: "json", description: schema.description };
  const merged = typeof target === "object" ? { ...target, ...siblings } : target;
  return fieldOf(merged, { root, name, isRequired, depth, seen: [...seen, $ref] });
}

function resolved(root, reference) {
  if (reference === "#") return root;
  if (!reference.startsWith("#/")) return undefined;
  const names = reference
    .slice(2)
    .split("/")
    .map((name) => decodeURIComponent(name).replaceAll("~1", "/").replaceAll("~0", "~"));
  return names.reduce((at, name) => (at && typeof at === "object" ? at[name] : undefined), root);
}

// JSON Schema's patterns match anywhere, HTML's match the whole text and use the `v` flag. A
// pattern that is invalid with that flag is left to the server.
function htmlPattern(pattern) {
  if (pattern === undefined) return undefined;
  const anchored = `[\\s\\S]*(?:${pattern})[\\s\\S]*`;
  try {
    new RegExp(anchored, "v");
    return anchored;
  } catch {
    return undefined;
  }
}

// The initial value of a field: its default, or the minimum that the schema allows.
export function initialValue(field) {
  if (field.default !== undefined) return field.default;
  if (!field.isRequired) return undefined;
  switch (field.type) {
    case "object":
      return Object.fromEntries(
        field.fields
          .map((one) => [one.name, initialValue(one)])
          .filter(([, value]) => value !== undefined),
      );
    case "array":
      return Array.from({ length: field.minItems }, () => newItem(field.item));
    case "boolean":
      return false;
    case "enum":
      return field.options.length === 1 ? field.options[0] : undefined;
    default:
      return undefined;
  }
}

// Whether the form can represent a value that was entered as JSON.
export function canRepresent(field, value) {
  if (value === undefined || field.type === "json") return true;
  if (value === null) return field.isNullable || field.type === "array" || field.type === "text";
  switch (field.type) {
    case "object":
      return (
        typeof value === "object" &&
        !Array.isArray(value) &&
        Object.entries(value).every(([name, one]) =>
          field.fields.some((inner) => inner.name === name && canRepresent(inner, one)),
        )
      );
    case "array":
      return Array.isArray(value) && value.every((item) => canRepresent(field.item, item));
    case "boolean":
      return typeof value === "boolean";
    case "number":
    case "integer":
      return typeof value === "number";
    case "enum":
      return field.options.some((option) => JSON.stringify(option) === JSON.stringify(value));
    default:
      return typeof value === "string";
  }
}

// The value of a new item of a list.
export const newItem = (item) =>
  initialValue({ ...item, isRequired: true }) ?? (item.type === "text" ? "" : null);
