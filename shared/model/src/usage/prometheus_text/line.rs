/// One sample of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Names and values.
    pub labels: Vec<(String, String)>,
    /// May be NaN or infinite.
    pub value: f64,
}

/// Why a line of the requested metric yields no sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("is malformed")]
    Malformed,
    /// Longer than the maximum line length.
    #[error("is too long")]
    TooLong,
    /// The page ends without a newline, so the line may be truncated.
    #[error("is truncated")]
    CutOff,
}

/// Type of a line, determined by its start.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Blank,
    Comment,
    /// Declares the type of the requested metric.
    Type,
    /// A sample of the requested metric: the text after its name.
    Requested(&'a [u8]),
    /// A sample of another metric.
    Other,
    /// Not part of the format.
    Invalid,
}

impl<'a> Line<'a> {
    pub fn of(line: &'a [u8], metric: &str) -> Self {
        let line = line.trim_ascii();
        match line.first() {
            None => return Self::Blank,
            Some(b'#') => return if is_type(line, metric) { Self::Type } else { Self::Comment },
            Some(b'{') => return if is_quoted_name(line) { Self::Other } else { Self::Invalid },
            Some(_) => {}
        }
        let (name, rest) =
            line.split_at(line.iter().position(|byte| !is_name(*byte)).unwrap_or(line.len()));
        let is_sample = matches!(rest.first(), Some(b'{' | b' ' | b'\t')) && !name.is_empty();
        if !is_sample || name[0].is_ascii_digit() {
            Self::Invalid
        } else if name == metric.as_bytes() {
            Self::Requested(rest)
        } else {
            Self::Other
        }
    }
}

/// Whether a comment declares the type of the metric or of its family. A counter's samples may have
/// the suffix `_total`; those of histograms and summaries have further suffixes.
fn is_type(comment: &[u8], metric: &str) -> bool {
    let mut words = comment[1..].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    if words.next() != Some(b"TYPE") {
        return false;
    }
    let family = words.next().and_then(|family| std::str::from_utf8(family).ok());
    let ending = family.and_then(|family| metric.strip_prefix(family));
    ending.is_some_and(|ending| ["", "_total", "_sum", "_count", "_bucket"].contains(&ending))
}

/// Whether the line starts with a quoted name, which the requested metric never has. JSON looks
/// similar.
fn is_quoted_name(line: &[u8]) -> bool {
    let name = std::str::from_utf8(line)
        .ok()
        .and_then(|line| line[1..].trim_ascii_start().strip_prefix('"'));
    let after = name.and_then(quoted).map(|(_, after)| after.trim_ascii_start());
    after.is_some_and(|after| after.starts_with([',', '}']))
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'
}

/// Parses labels and value after a sample's name. Ignores a timestamp or exemplar after them.
pub(super) fn sample(rest: &[u8]) -> Result<Sample, Unreadable> {
    let text = std::str::from_utf8(rest).map_err(|_| Unreadable::Malformed)?.trim_ascii_start();
    let (labels, text) = match text.strip_prefix('{') {
        None => (Vec::new(), text),
        Some(text) => labels(text).ok_or(Unreadable::Malformed)?,
    };
    let value =
        text.split_ascii_whitespace().next().and_then(value).ok_or(Unreadable::Malformed)?;
    Ok(Sample { labels, value })
}

fn value(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// Parses `a="b",c="d"}`, with an optional trailing comma. Returns the labels and the rest.
fn labels(mut text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut found = Vec::new();
    loop {
        text = text.trim_ascii_start();
        if let Some(after) = text.strip_prefix('}') {
            return Some((found, after));
        }
        let (name, after) = text.split_once('=')?;
        let name = name.trim_ascii_end();
        if name.is_empty() || !name.bytes().all(is_name) {
            return None;
        }
        let (value, after) = quoted(after.trim_ascii_start().strip_prefix('"')?)?;
        found.push((name.to_owned(), value));
        text = after.trim_ascii_start();
        text = match text.strip_prefix(',') {
            Some(after) => after,
            None if text.starts_with('}') => text,
            None => return None,
        };
    }
}

/// Parses text up to the closing quotation mark. Returns it unescaped, and the rest.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut plain = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((plain, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => plain.push('\n'),
                escaped @ ('\\' | '"') => plain.push(escaped),
                // The format defines no other escapes; keep it as it is.
                other => plain.extend(['\\', other]),
            },
            other => plain.push(other),
        }
    }
    None
}
