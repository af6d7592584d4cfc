use super::*;
use ColumnType::{Boolean, Date, Decimal, Float, Integer, Text, Timestamp};
use proptest::prelude::*;

fn read(column: ColumnType, json: &str) -> Option<String> {
    let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
    column.parse(&raw).ok().map(|cell| cell.json().to_owned())
}

#[test]
fn values_have_one_canonical_form() {
    for (column, json, cell) in [
        (Text, r#""a\u0062\"""#, r#""ab\"""#),
        (Text, r#""""#, r#""""#),
        (Integer, "7", "7"),
        (Integer, r#""-07""#, "-7"),
        (Integer, "9223372036854775807", "9223372036854775807"),
        (Float, "7", "7.0"),
        (Float, "-0.0", "0.0"),
        (Float, r#""1.5E3""#, "1500.0"),
        (Decimal, "1.50", r#""1.5""#),
        (
            Decimal,
            "0.1234567890123456789012345678901234567",
            r#""0.1234567890123456789012345678901234567""#,
        ),
        (Decimal, r#""1e2""#, r#""100""#),
        (Boolean, "true", "true"),
        (Boolean, r#""False""#, "false"),
        (Date, r#""2024-02-29""#, r#""2024-02-29""#),
        (Timestamp, r#""2026-11-20T16:00:00Z""#, r#""2026-11-20T16:00:00.000Z""#),
        (Timestamp, r#""2026-11-20t18:30:00.5+02:30""#, r#""2026-11-20T16:00:00.500Z""#),
        (Timestamp, r#""2026-11-20 16:00:00""#, r#""2026-11-20T16:00:00.000Z""#),
        (Timestamp, r#""2026-11-20 16:00:00.123456""#, r#""2026-11-20T16:00:00.123456Z""#),
        (Date, "null", "null"),
    ] {
        assert_eq!(read(column, json).as_deref(), Some(cell), "{column:?} {json}");
    }
}

/// Values of each type that are not values of the column.
const OF_OTHER_TYPES: [(ColumnType, &[&str]); 7] = [
    (Text, &["7", "true", "{}", "[]"]),
    (
        Integer,
        &["7.0", "7e0", "9223372036854775808", r#""""#, r#""7 ""#, r#""seven""#, "true", "[7]"],
    ),
    (Float, &[r#""inf""#, r#""NaN""#, r#""1e999""#, r#""""#, "false", r#""0x1p3""#]),
    (
        Decimal,
        &[r#""1,5""#, r#""1e40""#, r#""""#, "true", "123456789012345678901234567890123456789"],
    ),
    (Boolean, &["0", "1", r#""yes""#, r#""t""#, r#""""#]),
    (
        Date,
        &[
            r#""2023-02-29""#,
            r#""20240229""#,
            r#""2024-2-29""#,
            r#""2024-02-29T00:00:00Z""#,
            "20240229",
        ],
    ),
    (
        Timestamp,
        &[
            r#""2026-11-20""#,
            r#""2026-11-20T16:00:00""#,
            r#""2026-11-20T16:00Z""#,
            r#""2026-11-20T24:00:00Z""#,
            r#""2026-11-20T23:59:60Z""#,
            r#""2026-11-20T16:00:00.Z""#,
            r#""2026-11-20T16:00:00.1234567890Z""#,
            r#""2026-11-20T16:00:00+0200""#,
            r#""2026-11-20T16:00:00Z[UTC]""#,
            r#""2026-11-31T16:00:00Z""#,
            r#""2026-11-2üT16:00:00Z""#,
            r#""0000-01-01T00:00:00+01:00""#,
            "1795190400",
        ],
    ),
];

#[test]
fn rejects_values_of_other_types() {
    for (column, values) in OF_OTHER_TYPES {
        for json in values {
            assert_eq!(read(column, json), None, "{column:?} {json}");
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        text in "\\PC{0,12}",
        column in proptest::sample::select(
            &[Text, Integer, Float, Decimal, Boolean, Date, Timestamp][..]
        ),
    ) {
        let given = serde_json::Value::from(text).to_string();
        if let Some(cell) = read(column, &given) {
            prop_assert_eq!(read(column, &cell), Some(cell.clone()));
        }
    }

    #[test]
    fn times_are_read_again(
        seconds in -62_135_596_800i64..253_402_300_799,
        nanos in 0i32..1_000_000_000,
    ) {
        let moment = jiff::Timestamp::new(seconds, nanos).unwrap();
        let cell = read(Timestamp, &format!("\"{moment}\"")).unwrap();
        prop_assert_eq!(cell.trim_matches('"').parse::<jiff::Timestamp>().unwrap(), moment);
        prop_assert_eq!(read(Timestamp, &cell), Some(cell.clone()));
    }
}
