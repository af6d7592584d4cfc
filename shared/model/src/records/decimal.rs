use super::number::Number;

/// Maximum number of digits of a `DECIMAL`, before and after the point together: the limit of SQL
/// Server, Snowflake and `DynamoDB`.
const MAX_DIGITS: i64 = 38;

/// The canonical form of a decimal: `1.50`, `01.5` and `15e-1` become `1.5`, and `-0` becomes `0`.
/// `None` if the text is not a decimal or has too many digits.
pub(super) fn canonical(text: &str) -> Option<String> {
    let Number { negative, digits, point } = Number::parse(text)?;
    let length = i64::try_from(digits.len()).ok()?;
    if length == 0 {
        return Some("0".to_owned());
    }
    let (whole, fraction) = (point.max(0), length.saturating_sub(point).max(0));
    if whole.saturating_add(fraction) > MAX_DIGITS {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    Some(match usize::try_from(point) {
        Ok(point) if point >= digits.len() => format!("{sign}{digits}{}", zeros(whole - length)),
        Ok(point) if point > 0 => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
        _ => format!("{sign}0.{}{digits}", zeros(fraction - length)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_numbers_have_one_canonical_form() {
        for (text, written) in [
            ("1.50", "1.5"),
            ("01.5", "1.5"),
            ("15e-1", "1.5"),
            ("-0.0", "0"),
            ("0e99999999999999999999", "0"),
            ("1e3", "1000"),
            ("120", "120"),
            ("-0.00120", "-0.0012"),
            ("+7", "7"),
            ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
            ("1e37", "10000000000000000000000000000000000000"),
            ("1e-38", "0.00000000000000000000000000000000000001"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(written), "{text}");
        }
    }

    #[test]
    fn rejects_too_many_digits() {
        for text in [
            "123456789012345678901234567890123456789",
            "1e38",
            "1e-39",
            "1e999999999999",
            "-1e-999999999999",
            "x",
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_stays(text in "-?[0-9]{1,12}(\\.[0-9]{0,12})?(e[+-]?[0-9])?") {
            let written = canonical(&text).unwrap();
            prop_assert_eq!(canonical(&written), Some(written.clone()));
            prop_assert!(
                (written.parse::<f64>().unwrap() - text.parse::<f64>().unwrap()).abs()
                    <= text.parse::<f64>().unwrap().abs() * 1e-15
            );
        }

        #[test]
        fn no_text_upsets_it(text: String) {
            let _ = canonical(&text);
        }
    }
}
