use std::cmp::Ordering;

use super::{Page, text};

/// Format in which a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text format, version 0.0.4
    /// (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).
    Prometheus,
    /// `OpenMetrics` 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
    OpenMetrics,
}

impl Format {
    /// Negotiates the format from an `Accept` header (RFC 9110, section 12.5.1). The Prometheus
    /// format is the default: without preference, on a tie, and if neither is accepted, because a
    /// page is more useful than a 406.
    #[must_use]
    pub fn negotiate(accept: &str) -> Self {
        let quality = |format: Self| {
            let ranges = accept.split(',').filter_map(MediaRange::parse);
            let fitting =
                ranges.filter_map(|range| Some((range.specificity(format)?, range.quality)));
            fitting.max_by(|(a, _), (b, _)| a.cmp(b)).map_or(0.0, |(_, quality)| quality)
        };
        match quality(Self::OpenMetrics).total_cmp(&quality(Self::Prometheus)) {
            Ordering::Greater => Self::OpenMetrics,
            _ => Self::Prometheus,
        }
    }

    /// Value of `Content-Type`.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    #[must_use]
    pub fn write(self, page: &Page) -> String {
        text::write(page, self)
    }

    const fn media_type_parts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Prometheus => ("text", "plain", "0.0.4"),
            Self::OpenMetrics => ("application", "openmetrics-text", "1.0.0"),
        }
    }
}

/// A media range and its quality value.
struct MediaRange<'a> {
    kind: &'a str,
    subtype: &'a str,
    version: Option<&'a str>,
    quality: f64,
}

impl<'a> MediaRange<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut range = Self { kind, subtype, version: None, quality: 1.0 };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => {
                    range.quality = value.trim().parse().ok().filter(|q| (0.0..=1.0).contains(q))?
                }
                "version" => range.version = Some(value.trim().trim_matches('"')),
                _ => {}
            }
        }
        Some(range)
    }

    /// How specifically the range matches a format; `None` if it doesn't.
    fn specificity(&self, format: Format) -> Option<u8> {
        let (kind, subtype, version) = format.media_type_parts();
        if (self.kind, self.subtype) == ("*", "*") {
            return Some(0);
        }
        if !self.kind.eq_ignore_ascii_case(kind) {
            return None;
        }
        match self.version {
            _ if self.subtype == "*" => Some(1),
            _ if !self.subtype.eq_ignore_ascii_case(subtype) => None,
            None => Some(2),
            Some(wanted) => (wanted == version).then_some(3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negotiates_by_accept_header() {
        use Format::{OpenMetrics, Prometheus};
        for (accept, wanted) in [
            ("", Prometheus),
            ("*/*", Prometheus),
            ("nonsense, ;, a/b;q=x", Prometheus),
            ("image/png", Prometheus),
            ("text/plain", Prometheus),
            ("application/openmetrics-text", OpenMetrics),
            ("application/openmetrics-text; version=\"1.0.0\"; charset=utf-8", OpenMetrics),
            ("application/openmetrics-text;version=0.0.1", Prometheus),
            ("application/openmetrics-text;q=0, */*", Prometheus),
            ("application/*, text/*;q=0.9", OpenMetrics),
            ("Text/Plain;Q=0.4,Application/OpenMetrics-Text;Q=0.5", OpenMetrics),
            ("text/plain;q=0.5,application/openmetrics-text;q=0.5", Prometheus),
            // As sent by Prometheus 2.42, and by one configured to scrape only 0.0.4.
            (
                "application/openmetrics-text;version=1.0.0,\
                 application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            ("text/plain;version=0.0.4;q=1,*/*;q=0.1", Prometheus),
        ] {
            assert_eq!(Format::negotiate(accept), wanted, "{accept}");
        }
    }
}
