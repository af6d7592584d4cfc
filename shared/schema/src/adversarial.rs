//! Schemas and values that are expensive relative to their size. Each must be validated within a
//! small multiple of the time for a plain body of maximum size.

mod corpus;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use corpus::{corpus, filter, filters, numbers};

/// Maximum size of a request body.
const MAX_BYTES: usize = 256 * 1024;
/// Maximum ratio to the reference time. Without the bounds, most cases take hours.
const RATIO: u32 = 16;

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
    let (_, detail) = found(&json!({"items": {"anyOf": numbers()}}), &json!(vec![-1; 60_000]));
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
