use super::*;
use proptest::prelude::*;
use serde_json::json;

fn found(schema: Value, value: Value) -> Vec<(String, String)> {
    let violations = Schema::compile(&schema).unwrap().violations(&value, "/payload");
    violations.into_iter().map(|v| (v.pointer, v.detail)).collect()
}

#[test]
fn lists_every_violation_with_its_pointer() {
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["id", "a/b"],
        "properties": {
            "id": {"type": "integer", "minimum": 1},
            "mail": {"type": "string", "format": "email"},
            "a/b": {},
        },
    });
    insta::assert_json_snapshot!(
        found(schema, json!({"id": "x", "mail": "nobody", "more": 1})), @r#"
    [
      [
        "/payload/a~1b",
        "is required"
      ],
      [
        "/payload/id",
        "value is not of type \"integer\""
      ],
      [
        "/payload/mail",
        "value is not a \"email\""
      ],
      [
        "/payload/more",
        "unknown property"
      ]
    ]
    "#);
}

#[test]
fn reports_violations_of_the_variant_with_the_given_tag() {
    let variant = |tag: &str, extra: &str| {
        json!({
            "type": "object", "required": ["type", extra],
            "properties": {"type": {"type": "string", "enum": [tag]}, extra: {"type": "string"}},
        })
    };
    let schema = json!({
        "properties": {"target": {"oneOf": [variant("http", "url"), variant("records", "table")]}},
    });
    insta::assert_json_snapshot!(
        found(schema.clone(), json!({"target": {"type": "http", "url": 7}})), @r#"
    [
      [
        "/payload/target/url",
        "value is not of type \"string\""
      ]
    ]
    "#);
    insta::assert_json_snapshot!(found(schema, json!({"target": {"type": "ftp"}})), @r#"
    [
      [
        "/payload/target/type",
        "is not one of \"http\", \"records\""
      ]
    ]
    "#);
}

#[test]
fn violations_do_not_contain_values() {
    let long = "secret ".repeat(1000);
    let details = found(json!({"type": "integer"}), json!(long));
    assert!(details.iter().all(|(_, detail)| !detail.contains("secret")), "{details:?}");
}

#[test]
fn rejects_hostile_schemas() {
    for (schema, why) in [
        (json!({"$ref": "https://example.com/x.json"}), "unresolvable reference"),
        (json!({"$ref": "file:///etc/passwd"}), "unresolvable reference"),
        (json!({"pattern": "(a+)+\\1$"}), "pattern"),
        (json!({"pattern": "(?=a)b"}), "pattern"),
        (json!({"pattern": "(((a{99}){99}){99}){99}"}), "pattern"),
        (json!({"type": "no-such-type"}), "type"),
        (json!({"description": "x".repeat(MAX_SCHEMA_BYTES)}), "bytes"),
        (json!(7), ""),
    ] {
        let violation = Schema::compile(&schema)
            .expect_err(&schema.to_string()[..20.min(schema.to_string().len())]);
        assert!(violation.detail.contains(why) || violation.pointer.contains(why), "{violation:?}");
    }
}

#[test]
fn greedy_pattern_runs_in_linear_time() {
    let schema = Schema::compile(&json!({"pattern": "^(a+)+$"})).unwrap();
    assert_eq!(schema.violations(&json!(format!("{}b", "a".repeat(100_000))), "").len(), 1);
}

#[test]
fn self_references_terminate() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({
            "$ref": "#/$defs/a",
            "$defs": {
                "a": {"anyOf": [{"$ref": "#/$defs/b"}]},
                "b": {"not": {"$ref": "#/$defs/a"}},
            },
        }),
        json!({"$dynamicRef": "#a", "$dynamicAnchor": "a"}),
    ] {
        if let Ok(compiled) = Schema::compile(&schema) {
            assert!(compiled.violations(&json!({"a": [1]}), "").len() <= MAX_VIOLATIONS);
        }
    }
}

#[test]
fn rejects_exponential_schemas() {
    let mut parts = serde_json::Map::from_iter([("a0".to_owned(), json!({"type": "string"}))]);
    for n in 1..=40 {
        let below = json!({"$ref": format!("#/$defs/a{}", n - 1)});
        parts.insert(format!("a{n}"), json!({"allOf": [below, below]}));
    }
    let doubling = |parts: serde_json::Map<String, Value>, n: u8| {
        Schema::compile(
            &json!({"properties": {"p": {"$ref": format!("#/$defs/a{n}")}}, "$defs": parts}),
        )
    };
    let refused = doubling(parts.clone(), 40).unwrap_err();
    assert_eq!(refused.detail, "schema applies more than 2000 subschemas to one value");
    parts.retain(|name, _| name.len() == 2 && name != "a9");
    assert_eq!(doubling(parts, 8).unwrap().violations(&json!({"p": 1}), "").len(), 1);
    // A tree recurses with the value, which is finite.
    let tree = json!({
        "properties": {
            "left": {"$ref": "#"},
            "right": {"$ref": "#"},
            "of": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
        },
    });
    assert!(Schema::compile(&tree).is_ok());
}

/// Schemas of a few keywords, most of them with valid arguments.
fn any_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({})),
        any::<bool>().prop_map(Value::from),
        Just(json!({"type": "integer", "minimum": 3, "multipleOf": 0.1})),
        Just(json!({"$ref": "#"})),
        Just(json!({"$ref": "#/$defs/a"})),
        Just(json!({"$ref": "b.json"})),
        Just(json!({"format": "regex", "type": ["string", "null"]})),
        "[a-z()+*.\\\\\\[\\]{}0-9^$|?]{0,12}".prop_map(|pattern| json!({"pattern": pattern})),
        any::<i64>().prop_map(|n| json!({"minLength": n, "maxItems": n})),
        Just(json!({"$id": "urn:x", "$anchor": "a"})),
        Just(json!({"enum": [1, "x", null, {"a": 1}], "const": 1})),
    ];
    let name =
        prop::sample::select(vec!["properties", "$defs", "patternProperties", "dependentSchemas"]);
    let one = prop::sample::select(vec![
        "items",
        "not",
        "additionalProperties",
        "contains",
        "if",
        "then",
        "propertyNames",
        "unevaluatedProperties",
        "unevaluatedItems",
    ]);
    let many = prop::sample::select(vec!["allOf", "anyOf", "oneOf", "prefixItems"]);
    leaf.prop_recursive(5, 32, 4, move |inner| {
        prop_oneof![
            (name.clone(), prop::collection::btree_map("[ab]{1,2}", inner.clone(), 0..3))
                .prop_map(|(name, parts)| json!({name: parts})),
            (one.clone(), inner.clone(), inner.clone())
                .prop_map(|(name, of, beside)| merged(json!({name: of}), beside)),
            (many.clone(), prop::collection::vec(inner, 0..4))
                .prop_map(|(name, of)| json!({name: of})),
        ]
    })
}

fn merged(mut schema: Value, other: Value) -> Value {
    if let (Value::Object(members), Value::Object(others)) = (&mut schema, other) {
        members.extend(others);
    }
    schema
}

proptest! {
    #[test]
    fn no_schema_upsets_it(schema in any_schema(), text in "\\PC{0,8}", number: f64) {
        if let Ok(compiled) = Schema::compile(&schema) {
            for value in [
                json!(text),
                json!(number),
                json!([[text], number]),
                json!({"a": {"b": text, "a": null}, "b": [1, 1]}),
            ] {
                prop_assert!(compiled.violations(&value, "").len() <= MAX_VIOLATIONS);
            }
        }
    }

    #[test]
    fn pointers_lead_back_to_the_property(name in ".{0,12}") {
        let schema = Schema::compile(&json!({"additionalProperties": {"type": "null"}})).unwrap();
        let value = json!({name: 1});
        let pointer = schema.violations(&value, "")[0].pointer.clone();
        prop_assert_eq!(value.pointer(&pointer), Some(&json!(1)));
    }
}
