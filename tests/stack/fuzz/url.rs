//! Paths and queries, of known and unknown routes.

use proptest::{collection::vec, prelude::*, sample::select};
use tollgate_http::ROUTES;

pub fn path(account: String) -> impl Strategy<Value = String> {
    let templates: Vec<_> = ROUTES.iter().map(|route| route.path).collect();
    let known = (select(templates), vec(name(account), 3)).prop_map(|(template, names)| {
        let mut names = names.into_iter();
        let parts = template.split('/').map(|part| {
            if part.starts_with('{') { names.next().unwrap() } else { part.to_owned() }
        });
        parts.collect::<Vec<_>>().join("/")
    });
    prop_oneof![
        9 => known,
        1 => "(/[a-z0-9.%_~-]{0,10}){1,5}".prop_map(|path| path.replace('%', "%25")),
    ]
}

/// A value for a path placeholder: existing, well-formed or malformed.
fn name(account: String) -> impl Strategy<Value = String> {
    let there = vec!["echo", "user.delete", "kong", "month", "nightly", "users", "batch"];
    let other = vec![
        "job_01kagzwy00e81840g2081040g2",
        "key_01kagzwy00ec1r60r30c1g60r3",
        "acc_01kagzwy00e40r2081040g2081",
        "job_",
        "acc_x",
    ];
    prop_oneof![
        Just(account),
        select(there).prop_map(str::to_owned),
        select(other).prop_map(str::to_owned),
        "[!-~]{0,70}".prop_map(|text| encoded(&text)),
        "\\PC{0,20}".prop_map(|text| encoded(&text)),
        "(%[0-9A-Fa-f]{2}){1,6}"
    ]
}

const PARAMETERS: &[&str] = &[
    "status",
    "kind",
    "limit",
    "cursor",
    "account",
    "after",
    "type",
    "service",
    "route",
    "lookback_duration",
    "from",
    "to",
    "step",
    "data",
    "x",
];

pub fn query() -> impl Strategy<Value = String> {
    let sound = select(vec![
        "failed",
        "echo",
        "20",
        "0",
        "-1",
        "now",
        "egress",
        "shop",
        "5m",
        "31d",
        "2026-11-20T16:00:00Z",
        "1m",
        "99999999999999999999d",
        "acc_01kagzwy00e40r2081040g2081",
        "",
        "9999-12-31T23:59:59Z",
        "-9999-01-01T00:00:00Z",
    ]);
    let value = prop_oneof![
        3 => sound.prop_map(str::to_owned),
        1 => "\\PC{0,30}".prop_map(|text| encoded(&text)),
        1 => "[A-Za-z0-9_%-]{0,60}",
    ];
    let pair = (select(PARAMETERS), value).prop_map(|(name, value)| format!("{name}={value}"));
    prop_oneof![
        2 => Just(String::new()),
        3 => vec(pair, 1..4).prop_map(|pairs| pairs.join("&")),
        1 => "[A-Za-z0-9=&%+_-]{0,40}",
    ]
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
