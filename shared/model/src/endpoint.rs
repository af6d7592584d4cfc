//! External endpoints configured by operators and clients: job targets, metrics pages and callback
//! URLs.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::violation::{Violation, escape};

/// Header fields whose values are the operator's secrets. Responses and logs never show them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(pub BTreeMap<String, String>);

impl Headers {
    /// All violations, with `pointer` as the prefix of each JSON pointer.
    #[must_use]
    pub fn violations(&self, pointer: &str) -> Vec<Violation> {
        let too_many = (self.0.len() > MAX_HEADERS)
            .then(|| Violation::new(pointer, format!("must have at most {MAX_HEADERS} entries")));
        let wrong = self.0.iter().filter_map(|(name, value)| {
            Some(Violation::new(
                format!("{pointer}/{}", escape(name)),
                header_violation(name, value)?,
            ))
        });
        too_many.into_iter().chain(wrong).collect()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same names, each with the value `***`.
    #[must_use]
    pub fn masked(&self) -> Self {
        Self(self.0.keys().map(|name| (name.clone(), MASK.to_owned())).collect())
    }
}

const MASK: &str = "***";

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

const MAX_HEADERS: usize = 20;
const MAX_HEADER_BYTES: usize = 4096;
/// Set by Tollgate or by HTTP itself.
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

/// Why a text is not an endpoint URL.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAddress {
    #[error("must be an absolute http:// or https:// URL")]
    Address,
    /// Credentials in a URL would end up in third-party logs.
    #[error("must not contain credentials; send them as a header")]
    Credentials,
}

pub fn check_address(address: &str) -> Result<(), InvalidAddress> {
    let rest = address
        .strip_prefix("https://")
        .or_else(|| address.strip_prefix("http://"))
        .ok_or(InvalidAddress::Address)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(InvalidAddress::Credentials);
    }
    let visible = address.bytes().all(|c| c.is_ascii_graphic() && c != b'\\');
    let (host, port) = match authority.rfind(':').filter(|colon| !authority[*colon..].contains(']'))
    {
        Some(colon) => (&authority[..colon], &authority[colon + 1..]),
        None => (authority, "443"),
    };
    let sound_host = match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok()),
        None => !host.is_empty() && !host.contains(['[', ']', ':']),
    };
    if sound_host && visible && port.parse::<u16>().is_ok() {
        Ok(())
    } else {
        Err(InvalidAddress::Address)
    }
}

/// Checks a header field against RFC 9110, section 5.
fn header_violation(name: &str, value: &str) -> Option<&'static str> {
    let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || name.len() > 100 || !name.bytes().all(token) {
        Some("invalid header name")
    } else if RESERVED.contains(&lower.as_str())
        || RESERVED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
    {
        Some("reserved header name")
    } else if value == MASK {
        Some("masked value; send the original value")
    } else if value.len() > MAX_HEADER_BYTES
        || !value.bytes().all(|c| c == b'\t' || (b' '..=b'~').contains(&c))
    {
        Some("value must be visible ASCII of at most 4096 bytes")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrong(url: &str, headers: &[(&str, &str)]) -> Vec<String> {
        let headers =
            Headers(headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect());
        let wrong = check_address(url).err().map(|_| "/url".to_owned());
        wrong
            .into_iter()
            .chain(headers.violations("/headers").into_iter().map(|v| v.pointer))
            .collect()
    }

    #[test]
    fn addresses() {
        for good in [
            "https://example.com",
            "http://127.0.0.1:8080/x?y=1",
            "https://[::1]/",
            "https://a.b:1/#c",
        ] {
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
            assert_eq!(wrong(bad, &[]), ["/url"], "{bad}");
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
                [format!("/headers/{name}")],
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
