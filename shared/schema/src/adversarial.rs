//! Schemas and values that are expensive relative to their size. Each must be validated within a
//! small multiple of the time for a plain body of maximum size.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;

/// Maximum size of a request body.
const MAX_BYTES: usize = 256 * 1024;
/// Maximum ratio to the reference time. Without the bounds, most cases take hours.
const RATIO: u32 = 16;

fn nested(depth: usize, leaf: Value, wrap: impl Fn(Value) -> Value) -> Value {
    (0..depth).fold(leaf, |inner, _| wrap(inner))
}

/// A filter language whose operators take nested filters.
fn filter() -> Value {
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

fn filters(depth: usize, field: &str) -> Value {
    nested(
        depth,
        json!({"op": "eq", field: "x", "value": 1}),
        |inner| json!({"op": "not", "args": [inner]}),
    )
}

/// Names, schemas and values.
fn corpus() -> Vec<(&'static str, Value, Value)> {
    let items = |item: Value, each: usize| Value::Array(vec![item; MAX_BYTES / each]);
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
    let chain: serde_json::Map<String, Value> = (0..60)
        .map(|n| {
            let next = json!({"$ref": format!("#/$defs/a{}", n + 1)});
            (format!("a{n}"), json!({"properties": {"a": {"anyOf": [next, next, next]}}}))
        })
        .chain([("a60".to_owned(), json!({"type": "string"}))])
        .collect();
    let numbers: Vec<_> = (0..1900).map(|n| json!({"const": n})).collect();
    let names: Vec<_> = (0..5000).map(|n| json!(format!("p{n}"))).collect();
    let patterns: serde_json::Map<String, Value> =
        (0..500).map(|n| (format!("^a{{{n}}}b"), json!({"type": "null"}))).collect();
    let members: serde_json::Map<String, Value> =
        (0..20_000).map(|n| (format!("aaaa{n}"), json!(1))).collect();
    vec![
        ("a typo deep in a filter", filter(), filters(10, "feild")),
        ("a typo deeper in a filter", filter(), filters(40, "feild")),
        ("a deep filter", filter(), filters(40, "field")),
        ("a tree with two ways", expression(2), nested(60, json!("x"), pair(json!(1)))),
        ("a tree with ten ways", expression(10), nested(60, json!("x"), pair(json!("y")))),
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
        (
            "alternatives of alternatives",
            json!({"$ref": "#/$defs/a0", "$defs": chain}),
            nested(60, json!(1), |inner| json!({"a": inner})),
        ),
        ("parts in parts", doubling, nested(60, json!(1), |inner| json!({"a": inner}))),
        ("many ways for many items", json!({"items": {"anyOf": numbers}}), items(json!(-1), 4)),
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
        ("contained in everything", json!({"contains": {"anyOf": numbers}}), items(json!(-1), 4)),
        (
            "many patterns for many names",
            json!({"patternProperties": patterns}),
            Value::Object(members),
        ),
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
            "a long pattern for a long text",
            json!({"pattern": "^(a?){500}(a+)+$"}),
            json!("a".repeat(MAX_BYTES)),
        ),
        (
            "multiples of the smallest",
            json!({"items": {"multipleOf": 5e-324}}),
            items(json!(1.797e308), 10),
        ),
        (
            "every name checked",
            json!({"propertyNames": {"anyOf": numbers}}),
            Value::Object((0..20_000).map(|n| (n.to_string(), json!(1))).collect()),
        ),
    ]
}

/// Time to reject a plain body of maximum size.
fn reference() -> Duration {
    let schema = json!({"items": {
        "type": "object", "required": ["id"], "additionalProperties": false,
        "properties": {
            "id": {"type": "integer", "minimum": 1},
            "name": {"type": "string", "maxLength": 20},
        },
    }});
    let mut rows = vec![json!({"id": 7, "name": "something"}); MAX_BYTES / 29];
    rows.push(json!({"id": 0}));
    let (schema, rows) = (Schema::compile(&schema).unwrap(), Value::Array(rows));
    let begun = Instant::now();
    assert_eq!(schema.violations(&rows, "").len(), 1);
    begun.elapsed()
}

#[test]
fn validation_time_is_bounded() {
    let most = reference().max(Duration::from_millis(50)) * RATIO;
    let mut slow = Vec::new();
    for (name, schema, value) in corpus() {
        let Ok(schema) = Schema::compile(&schema) else { continue };
        let begun = Instant::now();
        let found = schema.violations(&value, "/payload");
        let took = begun.elapsed();
        println!("{name}: {took:?}, {} found, {:?}", found.len(), found.first().map(|v| &v.detail));
        if took > most {
            slow.push(format!("{name}: {took:?}"));
        }
    }
    assert!(slow.is_empty(), "more than {most:?}: {slow:#?}");
}

/// Counts steps, so that the result does not depend on the machine's speed: which cases get no list
/// of violations, and which no verdict.
#[test]
fn steps_beyond_the_bounds_are_rejected() {
    let bounds = |schema: &Value, value: &Value| {
        [Purpose::Verdict, Purpose::Description].map(|purpose| cost::fits(schema, value, purpose))
    };
    assert_eq!(bounds(&filter(), &filters(5, "feild")), [true, true]);
    assert_eq!(bounds(&filter(), &filters(10, "feild")), [true, false]);
    let refused: Vec<_> = corpus()
        .iter()
        .filter(|(_, schema, value)| bounds(schema, value) == [false, false])
        .map(|(name, ..)| *name)
        .collect();
    for name in ["many ways for many items", "many required for many items", "patterns to compile"]
    {
        assert!(refused.contains(&name), "{name}: {refused:#?}");
    }
}

#[test]
fn rejection_gives_the_reason() {
    let found = |schema: &Value, value: &Value| {
        let found = Schema::compile(schema).unwrap().violations(value, "/payload");
        assert_eq!(found.len(), 1, "{found:?}");
        (found[0].pointer.clone(), found[0].detail.clone())
    };
    let (pointer, detail) = found(&filter(), &filters(10, "feild"));
    assert_eq!(pointer, "/payload");
    assert!(detail.contains("too many parts apply"), "{detail}");
    let numbers: Vec<_> = (0..1900).map(|n| json!({"const": n})).collect();
    let (_, detail) = found(&json!({"items": {"anyOf": numbers}}), &json!(vec![-1; 60_000]));
    assert!(detail.contains("more than 500000 steps"), "{detail}");
    // Equally deep, but valid.
    let compiled = Schema::compile(&filter()).unwrap();
    assert_eq!(compiled.violations(&filters(10, "field"), ""), []);
}

/// References relative to anything but the root schema would resolve differently than the bound
/// assumes.
#[test]
fn rejects_references_not_relative_to_the_root() {
    for schema in [
        json!({"$ref": "urn:x#/a", "$id": "urn:x"}),
        json!({"properties": {"a": {"$id": "urn:y", "$ref": "#/b"}}}),
    ] {
        let refused = Schema::compile(&schema).unwrap_err();
        assert!(refused.detail.contains("starting with #"), "{refused:?}");
    }
    let names =
        json!({"properties": {"$ref": {"type": "string"}, "$id": {}}, "enum": [{"$ref": "x"}]});
    assert!(Schema::compile(&names).is_ok());
}

/// The validator recurses: the length of a chain is limited by its stack.
#[test]
fn recursion_depth_is_bounded() {
    let chain = |length: usize| {
        let parts =
            (0..length).map(|n| (format!("a{n}"), json!({"$ref": format!("#/$defs/a{}", n + 1)})));
        let parts: serde_json::Map<_, _> =
            parts.chain([(format!("a{length}"), json!(true))]).collect();
        json!({"$ref": "#/$defs/a0", "$defs": parts})
    };
    let fits = move |length| cost::fits(&chain(length), &json!(1), Purpose::Verdict);
    let found =
        std::thread::Builder::new().stack_size(1 << 26).spawn(move || [fits(900), fits(1100)]);
    assert_eq!(found.unwrap().join().unwrap(), [true, false]);
}
