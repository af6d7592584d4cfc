use std::fmt::Write as _;

use serde_json::{Value, value::RawValue};
use sha2::{Digest, Sha256};

use model::json::Json;

/// Fingerprint of a request: 128 bits of SHA-256 over its route and the value of its body, in
/// hexadecimal.
///
/// Member order doesn't matter because a client that serializes its body again for a retry may
/// change it. Numbers are compared as written because a decimal may have more digits than a float.
#[must_use]
pub fn fingerprint(route: &str, body: &RawValue) -> String {
    let mut sum = Sha256::new_with_prefix(route);
    digest(body, &mut sum);
    sum.finalize().iter().take(16).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn digest(raw: &RawValue, sum: &mut Sha256) {
    match Json::parse(raw) {
        Json::Array(values) => {
            sum.update([b'[']);
            values.into_iter().for_each(|value| digest(value, sum));
            sum.update([b']']);
        }
        Json::Object(members) => {
            sum.update([b'{']);
            for (name, value) in members {
                update_scalar(&Value::String(name).to_string(), sum);
                digest(value, sum);
            }
            sum.update([b'}']);
        }
        Json::Text(text) => update_scalar(&Value::String(text).to_string(), sum),
        Json::Number(text) => update_scalar(text, sum),
        Json::Boolean(value) => update_scalar(&value.to_string(), sum),
        Json::Null => update_scalar("null", sum),
    }
}

/// Strings are quoted and all else is not, so that different values never serialize alike.
fn update_scalar(text: &str, sum: &mut Sha256) {
    sum.update(text);
    sum.update([b',']);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        fingerprint("POST /v1/jobs", &serde_json::from_str::<Box<RawValue>>(text).unwrap())
    }

    #[test]
    fn depends_on_values_but_not_on_member_order() {
        assert_eq!(of(r#"{"a":1,"b":[2,"x"]}"#), of(r#" {"b":[2,"\u0078"], "a" : 1} "#));
        let different = [
            r#"{"a":"1"}"#,
            r#"{"a":1}"#,
            r#"{"a":null}"#,
            r#"{"a":"null"}"#,
            r#"["a",1]"#,
            r#"["a","1"]"#,
            r#"[["a"],1]"#,
            r#"{"a":[1]}"#,
            r#"["a1"]"#,
            "1234567890.12345678901",
            "1234567890.12345678902",
        ];
        for (n, one) in different.iter().enumerate() {
            for other in &different[n + 1..] {
                assert_ne!(of(one), of(other), "{one} {other}");
            }
        }
        let one = serde_json::from_str::<Box<RawValue>>("1").unwrap();
        assert_ne!(fingerprint("a", &one), fingerprint("b", &one));
    }
}
