use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema,
    openapi::{RefOr, schema::Schema},
};

use crate::{
    event::unfit,
    job::Payload,
    records::Changes,
    schema::{Violation, closed, escape},
};

/// Where the worker takes a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// Answers with the payload; for trying things out.
    Echo {},
    /// Tollgate's own tables: applies `{"activities":[…]}` to their rows, all of it or nothing. `GET /v1/tables/{table}/rows` reads them.
    Records {},
    /// The account's own events: publishes the payload as one, of the type `data` and with the kind as its source.
    Event {},
    /// An endpoint that takes jobs by `POST`, signed as Standard Webhooks has it.
    Http {
        /// Its address, `https://` or `http://`.
        #[schema(max_length = 2000, examples("https://example.com/jobs"))]
        url: String,
        /// Header fields that every request to it carries. Their values are never shown again.
        #[serde(default)]
        #[schema(value_type = std::collections::BTreeMap<String, String>)]
        headers: Headers,
    },
}

/// The schema, each variant closed against properties that it doesn't know.
pub(crate) fn schema() -> RefOr<Schema> {
    closed(<Target as PartialSchema>::schema())
}

/// Headers whose values are the operator's secrets: neither an answer nor a log shows them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(pub BTreeMap<String, String>);

impl Headers {
    /// The same names with `***` for each value.
    fn masked(&self) -> Self {
        Self(self.0.keys().map(|name| (name.clone(), MASK.to_owned())).collect())
    }
}

const MASK: &str = "***";

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// Why a text isn't the address of a target.
#[derive(Debug, thiserror::Error)]
pub enum NotATarget {
    /// No address at all.
    #[error("is not an absolute http:// or https:// address")]
    Address,
    /// User and password in the address would end up in logs of others.
    #[error("carries a user or password; send those as a header")]
    Credentials,
}

const MAX_HEADERS: usize = 20;
const MAX_HEADER_BYTES: usize = 4096;
/// What Tollgate, or HTTP itself, sets.
const RESERVED: [&str; 11] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "te",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "keep-alive",
];
const RESERVED_PREFIXES: [&str; 3] = ["webhook-", "tollgate-", "proxy-"];

impl Target {
    /// Everything that is wrong with it that its schema can't say, with `prefix` before each pointer.
    #[must_use]
    pub fn violations(&self, prefix: &str) -> Vec<Violation> {
        let Self::Http { url, headers } = self else { return Vec::new() };
        let mut found = Vec::new();
        if let Err(why) = check_address(url) {
            found.push(Violation::new(format!("{prefix}/url"), why.to_string()));
        }
        if headers.0.len() > MAX_HEADERS {
            found.push(Violation::new(format!("{prefix}/headers"), format!("are more than {MAX_HEADERS}")));
        }
        for (name, value) in &headers.0 {
            if let Some(why) = wrong_header(name, value) {
                found.push(Violation::new(format!("{prefix}/headers/{}", escape(name)), why));
            }
        }
        found
    }

    /// Everything in a payload that the target could never take, whatever the kind's schema says of it, with `prefix` before each pointer.
    #[must_use]
    pub fn payload_violations(&self, payload: &Payload, prefix: &str) -> Vec<Violation> {
        match self {
            Self::Records {} => Changes::read(&payload.0, prefix).err().unwrap_or_default(),
            Self::Event {} => unfit(&payload.0).map(|why| Violation::new(prefix, why)).into_iter().collect(),
            Self::Echo {} | Self::Http { .. } => Vec::new(),
        }
    }

    /// The same, fit to be shown: without the values of its headers.
    #[must_use]
    pub fn masked(self) -> Self {
        match self {
            Self::Http { url, headers } => Self::Http { url, headers: headers.masked() },
            Self::Echo {} | Self::Records {} | Self::Event {} => self,
        }
    }
}

pub(crate) fn check_address(address: &str) -> Result<(), NotATarget> {
    let rest = address
        .strip_prefix("https://")
        .or_else(|| address.strip_prefix("http://"))
        .ok_or(NotATarget::Address)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(NotATarget::Credentials);
    }
    let visible = address.bytes().all(|c| c.is_ascii_graphic() && c != b'\\');
    let (host, port) = match authority.rfind(':').filter(|colon| !authority[*colon..].contains(']')) {
        Some(colon) => (&authority[..colon], &authority[colon + 1..]),
        None => (authority, "443"),
    };
    let sound_host = match host.strip_prefix('[') {
        Some(rest) => {
            rest.strip_suffix(']').is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
        }
        None => !host.is_empty() && !host.contains(['[', ']', ':']),
    };
    if sound_host && visible && port.parse::<u16>().is_ok() { Ok(()) } else { Err(NotATarget::Address) }
}

/// Header fields as RFC 9110, section 5, has them.
fn wrong_header(name: &str, value: &str) -> Option<&'static str> {
    let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || name.len() > 100 || !name.bytes().all(token) {
        Some("is not the name of a header field")
    } else if RESERVED.contains(&lower.as_str())
        || RESERVED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
    {
        Some("is a header field that Tollgate sets itself")
    } else if value == MASK {
        Some("is masked; send its value again")
    } else if value.len() > MAX_HEADER_BYTES
        || !value.bytes().all(|c| c == b'\t' || (b' '..=b'~').contains(&c))
    {
        Some("has a value that is over 4096 bytes or not visible ASCII")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrong(url: &str, headers: &[(&str, &str)]) -> Vec<String> {
        let headers = Headers(headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect());
        Target::Http { url: url.into(), headers }
            .violations("/target")
            .into_iter()
            .map(|v| v.pointer)
            .collect()
    }

    #[test]
    fn addresses() {
        for good in
            ["https://example.com", "http://127.0.0.1:8080/x?y=1", "https://[::1]/", "https://a.b:1/#c"]
        {
            assert!(wrong(good, &[]).is_empty(), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "ftp://x/",
            "https://",
            "https:///x",
            "https://u:p@x/",
            "http://x/\n",
            "http://ä/",
            "http://a\\b/",
            "http://a:99999/",
            "http://a:/",
            "https://[::1",
            "https://[x]/",
        ] {
            assert_eq!(wrong(bad, &[]), ["/target/url"], "{bad}");
        }
    }

    #[test]
    fn headers() {
        assert!(wrong("http://x", &[("authorization", "Bearer x"), ("x-team", "a b")]).is_empty());
        for (name, value) in [
            ("", "x"),
            ("a b", "x"),
            ("Host", "x"),
            ("Webhook-Id", "x"),
            ("x", "a\r\nb: c"),
            ("x", "ä"),
            ("x", "***"),
        ] {
            assert_eq!(
                wrong("http://x", &[(name, value)]),
                [format!("/target/headers/{name}")],
                "{name}: {value}"
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_upsets_it(url: String, name: String, value: String) {
            let _ = wrong(&url, &[(&name, &value)]);
        }
    }
}
