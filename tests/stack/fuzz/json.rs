//! Any JSON value, and mutations of one.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::Value;

/// Any small JSON value, with names and values that some route uses.
pub fn any_json() -> impl Strategy<Value = Value> {
    let word = select(vec![
        "",
        "echo",
        "http",
        "kind",
        "9223372036854775808",
        "2026-11-20T16:00:00Z",
        "+275760-09-13T00:00:00Z",
        "a@example.com",
        "a@b\r\nBcc: c@d.e",
        "https://example.com",
        "http://[::1]:99999/",
        "cron(* * * * ? *)",
        "rate(0 days)",
        "Europe/Berlin",
        "acc_01kagzwy00e40r2081040g2081",
        "#",
        "\u{0}",
        "(a+)+$",
        "#/$defs/a",
        "object",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-3i32..12).prop_map(Value::from),
        word.prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        (0..3000usize).prop_map(|length| Value::from("x".repeat(length))),
    ];
    let member = select(vec![
        "kind", "payload", "type", "url", "schema", "target", "account", "name", "data", "id",
        "$ref", "items", "pattern", "", "a/b~c",
    ]);
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((member.clone(), inner), 0..5).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect())
        ]
    })
}

/// One mutation at some position of a JSON value.
#[derive(Clone, Debug)]
pub struct Mutation {
    at: prop::sample::Index,
    to: Option<Value>,
    name: Option<String>,
}

pub fn mutation() -> impl Strategy<Value = Mutation> {
    let name = option::weighted(0.2, "[a-z_$]{0,12}");
    (any::<prop::sample::Index>(), option::weighted(0.8, any_json()), name)
        .prop_map(|(at, to, name)| Mutation { at, to, name })
}

impl Mutation {
    /// Replaces the value there, adds a member next to it, or removes it.
    pub fn apply(&self, body: &mut Value) {
        let mut places = Vec::new();
        list(body, String::new(), &mut places);
        let place = &places[self.at.index(places.len())];
        match (&self.name, &self.to, body.pointer_mut(place)) {
            (Some(name), to, Some(Value::Object(members))) => {
                members.insert(name.clone(), to.clone().unwrap_or_default());
            }
            (_, Some(to), Some(there)) => *there = to.clone(),
            (_, None, _) => {
                if let Some((parent, name)) = place.rsplit_once('/')
                    && let Some(Value::Object(members)) = body.pointer_mut(parent)
                {
                    members.remove(name);
                }
            }
            _ => {}
        }
    }
}

/// The JSON pointers of all values nested in a value.
fn list(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                list(value, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), places);
            }
        }
        Value::Array(values) => values
            .iter()
            .enumerate()
            .for_each(|(n, value)| list(value, format!("{at}/{n}"), places)),
        _ => {}
    }
    places.push(at);
}
