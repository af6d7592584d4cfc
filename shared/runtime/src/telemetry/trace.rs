use std::{fmt, str::FromStr};

/// A `traceparent` of W3C Trace Context
/// (<https://www.w3.org/TR/trace-context/#traceparent-header>), passed from the client through the
/// queue to the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traceparent(String);

/// An invalid `traceparent`. It is ignored, as the recommendation requires.
#[derive(Debug, thiserror::Error)]
#[error("invalid traceparent")]
pub struct InvalidTraceparent;

impl Traceparent {
    /// The trace of a request: the client's `traceparent`, or else the trace id that X-Ray assigned
    /// (`x-amzn-trace-id`), so that a job can always be traced to its target.
    #[must_use]
    pub fn from_headers(traceparent: Option<&str>, xray: Option<&str>) -> Option<Self> {
        traceparent.and_then(|told| told.parse().ok()).or_else(|| Self::from_xray(xray?))
    }

    /// Converts an X-Ray header, such as
    /// `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`
    /// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>).
    fn from_xray(header: &str) -> Option<Self> {
        let part = |name: &str| {
            header.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let (epoch, unique) = part("Root")?.strip_prefix("1-")?.split_once('-')?;
        let sampled = u8::from(part("Sampled") == Some("1"));
        format!("00-{epoch}{unique}-{}-{sampled:02}", part("Parent")?).parse().ok()
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Traceparent {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceparent> {
        let parts: Vec<_> = text.split('-').collect();
        let hexadecimal = |part: &str| part.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
        let is_non_zero = |part: &str| part.bytes().any(|c| c != b'0');
        let good = lengths == [2, 32, 16, 2]
            && parts.iter().all(|part| hexadecimal(part))
            && parts[0] != "ff"
            && is_non_zero(parts[1])
            && is_non_zero(parts[2]);
        if good { Ok(Self(text.to_owned())) } else { Err(InvalidTraceparent) }
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
    fn validates_traceparent() {
        assert!(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                .parse::<Traceparent>()
                .is_ok()
        );
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

    #[test]
    fn prefers_traceparent_over_the_x_ray_header() {
        let (w3c, xray) = (
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;\
             Lineage=a87bd80c:0",
        );
        let of = |told, xray| Traceparent::from_headers(told, xray).map(|trace| trace.to_string());
        assert_eq!(of(None, None), None);
        assert_eq!(of(Some(w3c), Some(xray)).as_deref(), Some(w3c));
        let made = Some("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01");
        assert_eq!(of(None, Some(xray)).as_deref(), made);
        assert_eq!(of(Some("nonsense"), Some(xray)).as_deref(), made);
        let unsampled =
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";
        assert!(of(None, Some(unsampled)).unwrap().ends_with("-00"));
        for bad in [
            "",
            "Root=1-5759e988-bd862e3fe1be46a994272793",
            "Self=1-5759e988-x;Parent=53995c3f42cd8ad8",
            "Root=é;Parent=é",
        ] {
            assert_eq!(Traceparent::from_xray(bad), None, "{bad}");
        }
    }
}
