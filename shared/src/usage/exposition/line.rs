/// One value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its labels, by name.
    pub labels: Vec<(String, String)>,
    /// What it says; NaN and infinities as well.
    pub value: f64,
}

/// Why a line of the wanted metric gives no sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It isn't as the format has it.
    #[error("is malformed")]
    Malformed,
    /// It is longer than any that makes sense.
    #[error("is too long")]
    TooLong,
    /// The page ends in the middle of it, or seems to.
    #[error("is the page's last, and has no end")]
    CutOff,
}

/// What a line is, by its begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Blank,
    Comment,
    /// What says the type of the wanted metric.
    Type,
    /// A sample of the wanted metric: what comes after its name.
    Wanted(&'a [u8]),
    /// A sample of another one.
    Other,
    /// Nothing that belongs on such a page.
    Foreign,
}

impl<'a> Line<'a> {
    pub fn of(line: &'a [u8], metric: &str) -> Self {
        let line = line.trim_ascii();
        match line.first() {
            None => return Self::Blank,
            Some(b'#') => return if is_type(line, metric) { Self::Type } else { Self::Comment },
            Some(b'{') => return if is_quoted_name(line) { Self::Other } else { Self::Foreign },
            Some(_) => {}
        }
        let (name, rest) =
            line.split_at(line.iter().position(|byte| !is_name(*byte)).unwrap_or(line.len()));
        let is_sample = matches!(rest.first(), Some(b'{' | b' ' | b'\t')) && !name.is_empty();
        if !is_sample || name[0].is_ascii_digit() {
            Self::Foreign
        } else if name == metric.as_bytes() {
            Self::Wanted(rest)
        } else {
            Self::Other
        }
    }
}

/// Whether a comment says the type of a metric, or of the family that it is of: a counter's samples may be called `_total`, and a histogram's
/// and a summary's have further endings.
fn is_type(comment: &[u8], metric: &str) -> bool {
    let mut words = comment[1..].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    if words.next() != Some(b"TYPE") {
        return false;
    }
    let family = words.next().and_then(|family| std::str::from_utf8(family).ok());
    let ending = family.and_then(|family| metric.strip_prefix(family));
    ending.is_some_and(|ending| ["", "_total", "_sum", "_count", "_bucket"].contains(&ending))
}

/// Whether a name in quotation marks comes first, which no wanted metric has. JSON looks much alike.
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

/// Reads what comes after a sample's name: labels and value. What follows the value, a time or an example, doesn't matter.
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

/// `a="b",c="d"}`, with or without a comma at the end: the labels, and what comes after them.
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

/// A text up to its closing quotation mark, without escapes, and what comes after that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut plain = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((plain, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => plain.push('\n'),
                escaped @ ('\\' | '"') => plain.push(escaped),
                // The format has no others; what it means by them is what is there.
                other => plain.extend(['\\', other]),
            },
            other => plain.push(other),
        }
    }
    None
}
