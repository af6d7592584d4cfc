use std::str::FromStr;

use jiff::{Timestamp, civil::Date};
use serde_json::value::RawValue;

use super::{Cell, decimal, number::Number};
use crate::json::Json;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Any text.
    Text,
    /// A 64-bit signed integer.
    Integer,
    /// A finite IEEE 754 64-bit number.
    Float,
    /// An exact number of up to 38 digits.
    Decimal,
    /// `true` or `false`.
    Boolean,
    /// A date of the Gregorian calendar.
    Date,
    /// A point in time, in nanoseconds.
    Timestamp,
}

#[derive(Debug, thiserror::Error)]
#[error("must be TEXT, INTEGER, FLOAT, DECIMAL, BOOLEAN, DATE or TIMESTAMP")]
pub struct InvalidColumnType;

impl FromStr for ColumnType {
    type Err = InvalidColumnType;

    /// Ignores case.
    fn from_str(text: &str) -> Result<Self, InvalidColumnType> {
        Ok(match text.to_ascii_uppercase().as_str() {
            "TEXT" => Self::Text,
            "INTEGER" => Self::Integer,
            "FLOAT" => Self::Float,
            "DECIMAL" => Self::Decimal,
            "BOOLEAN" => Self::Boolean,
            "DATE" => Self::Date,
            "TIMESTAMP" => Self::Timestamp,
            _ => return Err(InvalidColumnType),
        })
    }
}

impl ColumnType {
    /// Parses a value of this type, or null.
    ///
    /// # Errors
    /// The rule that the value breaks.
    pub fn parse(self, value: &RawValue) -> Result<Cell, &'static str> {
        let cell = match (self, Json::parse(value)) {
            (_, Json::Null) => Some(Cell::from_canonical(Cell::NULL.to_owned())),
            (Self::Text, Json::Text(text)) => Some(Cell::text(&text)),
            (Self::Integer, given) => number_text(given).and_then(|text| integer(&text)),
            (Self::Float, given) => number_text(given).and_then(|text| float(&text)),
            (Self::Decimal, given) => number_text(given)
                .and_then(|text| decimal::canonical(&text))
                .map(|text| Cell::text(&text)),
            (Self::Boolean, Json::Boolean(value)) => Some(boolean(value)),
            (Self::Boolean, Json::Text(text)) => {
                text.to_ascii_lowercase().parse().ok().map(boolean)
            }
            (Self::Date, Json::Text(text)) => date(&text).map(|_| Cell::text(&text)),
            (Self::Timestamp, Json::Text(text)) => timestamp(&text).map(|text| Cell::text(&text)),
            _ => None,
        };
        cell.ok_or_else(|| self.rule())
    }

    const fn rule(self) -> &'static str {
        match self {
            Self::Text => "must be a string",
            Self::Integer => "must be a 64-bit integer, or one as a string",
            Self::Float => "must be a finite number, or one as a string",
            Self::Decimal => "must be a number of at most 38 digits, or one as a string",
            Self::Boolean => r#"must be true or false, "true" or "false""#,
            Self::Date => "must be a date as YYYY-MM-DD",
            Self::Timestamp => "must be an RFC 3339 time, or YYYY-MM-DD hh:mm:ss[.fff] in UTC",
        }
    }
}

/// The text of a number, given as a number or a string.
fn number_text(given: Json<'_>) -> Option<String> {
    match given {
        Json::Number(text) => Some(text.to_owned()),
        Json::Text(text) => Some(text),
        _ => None,
    }
}

fn integer(text: &str) -> Option<Cell> {
    text.parse::<i64>().ok().map(|number| Cell::from_canonical(number.to_string()))
}

fn float(text: &str) -> Option<Cell> {
    // Rust's parser also accepts `inf` and `nan`.
    Number::parse(text)?;
    // Adding zero turns -0 into 0.
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite())? + 0.0;
    serde_json::to_string(&number).ok().map(Cell::from_canonical)
}

fn boolean(value: bool) -> Cell {
    Cell::from_canonical(value.to_string())
}

/// `YYYY-MM-DD` only; jiff accepts other formats too.
fn date(text: &str) -> Option<Date> {
    has_form(text, "dddd-dd-dd").then(|| text.parse().ok())?
}

/// Parses RFC 3339, section 5.6, or a form with a space and without an offset, which means UTC.
/// Leap seconds and more than nine fractional digits are rejected. Returns RFC 3339 in UTC with
/// milliseconds, or with more digits if needed.
fn timestamp(text: &str) -> Option<String> {
    let (day, rest) = (text.get(..10)?, text.get(10..)?);
    let (separator, time, rest) = (rest.get(..1)?, rest.get(1..9)?, rest.get(9..)?);
    let digits = rest
        .strip_prefix('.')
        .map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    let (fraction, zone) = rest.split_at(if digits > 0 { digits + 1 } else { 0 });
    let zone = match zone {
        "" if separator == " " => "Z",
        "Z" | "z" => "Z",
        offset if has_form(offset, "+dd:dd") || has_form(offset, "-dd:dd") => offset,
        _ => return None,
    };
    let sound = date(day).is_some()
        && matches!(separator, "T" | "t" | " ")
        && has_form(time, "dd:dd:dd")
        && !time.ends_with("60")
        && digits <= 9;
    let moment: Timestamp =
        sound.then(|| format!("{day}T{time}{fraction}{zone}").parse().ok())??;
    let whole_millis = moment.subsec_nanosecond() % 1_000_000 == 0;
    let text = if whole_millis { format!("{moment:.3}") } else { moment.to_string() };
    // With a positive offset, the first hours of the year 0 are in a negative year in UTC, which
    // RFC 3339 cannot express.
    Some(text).filter(|text| !text.starts_with('-'))
}

/// Whether the text matches a form, in which `d` stands for a digit.
fn has_form(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(c, wanted)| match wanted {
            b'd' => c.is_ascii_digit(),
            other => c == other,
        })
}

#[cfg(test)]
mod tests;
