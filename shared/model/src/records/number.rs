//! Parses numbers in JSON syntax, also from strings: digits, a point, an exponent.

/// A decomposed number: `0.digits × 10^point`. `digits` has no zeros at either end and is empty for
/// zero.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub negative: bool,
    pub digits: String,
    pub point: i64,
}

impl Number {
    /// Parses `[+-]digits[.digits][e[+-]digits]`, with at least one digit before the exponent.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, self::exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|c| c.is_ascii_digit()) {
            return None;
        }
        let significant = all.trim_start_matches('0');
        let leading = all.len() - significant.len();
        let digits = significant.trim_end_matches('0').to_owned();
        let point = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
        Some(Self { negative, digits, point: point.saturating_add(exponent) })
    }
}

/// Saturates at `i32::MAX`, which is far beyond what any column can hold.
fn exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse().unwrap_or(i64::from(i32::MAX)).min(i64::from(i32::MAX));
    Some(if negative { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decomposes_numbers() {
        let read = |text| Number::parse(text).map(|n| (n.negative, n.digits, n.point));
        let number = |negative, digits: &str, point| Some((negative, digits.to_owned(), point));
        assert_eq!(read("1.50"), number(false, "15", 1));
        assert_eq!(read("-0.0120e3"), number(true, "12", 2));
        assert_eq!(read("+00100"), number(false, "1", 3));
        assert_eq!(read("0e9"), number(false, "", 9));
        for none in [
            "", "-", ".", "e1", "1e", "1e+", "0x1", "1 ", " 1", "1,5", "NaN", "inf", "١", "1.2.3",
            "--1",
        ] {
            assert_eq!(read(none), None, "{none:?}");
        }
        assert!(read(&format!("1e{}", "9".repeat(100))).is_some());
    }
}
