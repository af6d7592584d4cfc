use std::{fmt, str::FromStr};

/// A `traceparent` as W3C Trace Context has it (<https://www.w3.org/TR/trace-context/#traceparent-header>), handed on from the client
/// through the queue to the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traceparent(String);

/// A text that is no `traceparent`; it is ignored, as the recommendation asks.
#[derive(Debug, thiserror::Error)]
#[error("is not a traceparent")]
pub struct NotATraceparent;

impl Traceparent {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Traceparent {
    type Err = NotATraceparent;

    fn from_str(text: &str) -> Result<Self, NotATraceparent> {
        let parts: Vec<_> = text.split('-').collect();
        let hexadecimal = |part: &str| part.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
        let named = |part: &str| part.bytes().any(|c| c != b'0');
        let good = lengths == [2, 32, 16, 2]
            && parts.iter().all(|part| hexadecimal(part))
            && parts[0] != "ff"
            && named(parts[1])
            && named(parts[2]);
        if good { Ok(Self(text.to_owned())) } else { Err(NotATraceparent) }
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_recommendation() {
        assert!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse::<Traceparent>().is_ok());
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nx: y",
        ] {
            assert!(bad.parse::<Traceparent>().is_err(), "{bad}");
        }
    }
}
