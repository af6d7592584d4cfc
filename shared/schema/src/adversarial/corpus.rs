//! The corpus of expensive schemas and values.

use serde_json::{Map, Value, json};

use super::MAX_BYTES;

/// Name, schema and value.
pub type Case = (&'static str, Value, Value);

pub fn corpus() -> Vec<Case> {
    [filters_with_typos(), recursive_alternatives(), repeated_parts(), large_arrays(), long_texts()]
        .concat()
}

fn nested(depth: usize, leaf: Value, wrap: impl Fn(Value) -> Value) -> Value {
    (0..depth).fold(leaf, |inner, _| wrap(inner))
}

/// A filter language whose operators take nested filters.
pub fn filter() -> Value {
    let operator = |name: &str| {
        json!({
            "type": "object", "additionalProperties": false, "required": ["args", "op"],
            "properties": {
                "args": {"type": "array", "items": {"$ref": "#/$defs/filter"}},
                "op": {"const": name},
            },
        })
    };
    let equal = json!({
        "type": "object", "additionalProperties": false, "required": ["op", "field", "value"],
        "properties": {"op": {"const": "eq"}, "field": {"type": "string"}, "value": {}},
    });
    let of = [operator("and"), operator("or"), operator("not"), equal];
    json!({"$ref": "#/$defs/filter", "$defs": {"filter": {"oneOf": of}}})
}

pub fn filters(depth: usize, field: &str) -> Value {
    nested(
        depth,
        json!({"op": "eq", field: "x", "value": 1}),
        |inner| json!({"op": "not", "args": [inner]}),
    )
}

/// An array of maximum size, of items that take `each` bytes.
fn items(item: Value, each: usize) -> Value {
    Value::Array(vec![item; MAX_BYTES / each])
}

/// Alternatives that match no item.
pub fn numbers() -> Vec<Value> {
    (0..1900).map(|n| json!({"const": n})).collect()
}

/// Filters, which have four alternatives per level.
fn filters_with_typos() -> Vec<Case> {
    vec![
        ("a typo deep in a filter", filter(), filters(10, "feild")),
        ("a typo deeper in a filter", filter(), filters(40, "feild")),
        ("a deep filter", filter(), filters(40, "field")),
    ]
}

/// Alternatives that apply the same schema again.
fn recursive_alternatives() -> Vec<Case> {
    let expression = |ways: usize| {
        let way = json!({
            "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}},
            "required": ["left"],
        });
        let mut ways = vec![way; ways];
        ways.push(json!({"type": "number"}));
        json!({"anyOf": ways})
    };
    let pair = |leaf: Value| move |inner: Value| json!({"left": inner, "right": leaf.clone()});
    let chain: Map<String, Value> = (0..60)
        .map(|n| {
            let next = json!({"$ref": format!("#/$defs/a{}", n + 1)});
            (format!("a{n}"), json!({"properties": {"a": {"anyOf": [next, next, next]}}}))
        })
        .chain([("a60".to_owned(), json!({"type": "string"}))])
        .collect();
    vec![
        ("a tree with two ways", expression(2), nested(60, json!("x"), pair(json!(1)))),
        ("a tree with ten ways", expression(10), nested(60, json!("x"), pair(json!("y")))),
        (
            "alternatives of alternatives",
            json!({"$ref": "#/$defs/a0", "$defs": chain}),
            nested(60, json!(1), |inner| json!({"a": inner})),
        ),
    ]
}

/// Parts that are checked more than once per level.
fn repeated_parts() -> Vec<Case> {
    let strict = json!({
        "allOf": [
            {"properties": {"child": {"$ref": "#"}}},
            {"properties": {"child": {"$ref": "#"}}},
        ],
        "unevaluatedProperties": false,
    });
    let doubling = nested(
        30,
        json!({"type": "string"}),
        |inner| json!({"properties": {"a": {"allOf": [inner]}}}),
    );
    vec![
        (
            "a child checked twice",
            strict.clone(),
            nested(18, json!({"typo": 1}), |inner| json!({"child": inner})),
        ),
        (
            "a child checked twice, deeper",
            strict,
            nested(100, json!({}), |inner| json!({"child": inner})),
        ),
        ("parts in parts", doubling, nested(60, json!(1), |inner| json!({"a": inner}))),
    ]
}

/// Many items, each with many checks.
fn large_arrays() -> Vec<Case> {
    let names: Vec<_> = (0..5000).map(|n| json!(format!("p{n}"))).collect();
    vec![
        ("many ways for many items", json!({"items": {"anyOf": numbers()}}), items(json!(-1), 4)),
        (
            "many names for many items",
            json!({"items": {"enum": names.clone()}}),
            items(json!("x"), 5),
        ),
        (
            "many required for many items",
            json!({"items": {"required": names}}),
            items(json!({}), 4),
        ),
        ("contained in everything", json!({"contains": {"anyOf": numbers()}}), items(json!(-1), 4)),
        (
            "unique arrays of unique arrays",
            json!({
                "$ref": "#/$defs/a",
                "$defs": {"a": {"uniqueItems": true, "items": {"$ref": "#/$defs/a"}}},
            }),
            nested(100, items(json!("same-prefix"), 20), |inner| json!([inner, 1])),
        ),
        (
            "patterns to compile",
            json!({"items": {"format": "regex"}}),
            items(json!("(a{99}){99}"), 14),
        ),
        (
            "multiples of the smallest",
            json!({"items": {"multipleOf": 5e-324}}),
            items(json!(1.797e308), 10),
        ),
    ]
}

/// Patterns and names.
fn long_texts() -> Vec<Case> {
    let patterns: Map<String, Value> =
        (0..500).map(|n| (format!("^a{{{n}}}b"), json!({"type": "null"}))).collect();
    let members: Map<String, Value> = (0..20_000).map(|n| (format!("aaaa{n}"), json!(1))).collect();
    vec![
        (
            "many patterns for many names",
            json!({"patternProperties": patterns}),
            Value::Object(members),
        ),
        (
            "a long pattern for a long text",
            json!({"pattern": "^(a?){500}(a+)+$"}),
            json!("a".repeat(MAX_BYTES)),
        ),
        (
            "every name checked",
            json!({"propertyNames": {"anyOf": numbers()}}),
            Value::Object((0..20_000).map(|n| (n.to_string(), json!(1))).collect()),
        ),
    ]
}
