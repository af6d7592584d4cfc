//! Expressions of `EventBridge` Scheduler:
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>.
//!
//! Scheduler may still reject an expression that passes here. The checks exist because the errors
//! here name the broken rule, and Scheduler's do not.

/// Why a text is not the expression of a recurring schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidExpression {
    #[error("must be rate(…) or cron(…)")]
    Form,
    /// `at(…)` runs only once.
    #[error("runs only once; submit a job with run_at instead")]
    Once,
    #[error(
        "must be rate(N unit) with an integer N from 1 and unit \
         minute, hour or day if N is 1, else minutes, hours or days"
    )]
    Rate,
    /// Has this number of fields.
    #[error(
        "has {0} fields, must have six, separated by one space: \
         minutes hours day-of-month month day-of-week year"
    )]
    Fields(usize),
    #[error("has {value:?} for {field}; allowed: {rule}")]
    Field { field: &'static str, value: String, rule: &'static str },
    /// Exactly one of day-of-month and day-of-week must be `?`.
    #[error("must have ? in exactly one of day-of-month and day-of-week")]
    Days,
}

/// Checks the expression of a recurring schedule.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_expression(text: &str) -> Result<(), InvalidExpression> {
    let inside = |form: &str| text.strip_prefix(form)?.strip_prefix('(')?.strip_suffix(')');
    match (inside("rate"), inside("cron"), inside("at")) {
        (Some(rate), ..) => check_rate(rate),
        (_, Some(cron), _) => check_cron(cron),
        (.., Some(_)) => Err(InvalidExpression::Once),
        _ => Err(InvalidExpression::Form),
    }
}

fn check_rate(text: &str) -> Result<(), InvalidExpression> {
    let (count, unit) = text.split_once(' ').ok_or(InvalidExpression::Rate)?;
    match (number(count), unit) {
        (Some(1), "minute" | "hour" | "day") => Ok(()),
        (Some(2..), "minutes" | "hours" | "days") => Ok(()),
        _ => Err(InvalidExpression::Rate),
    }
}

/// One of the six fields of a `cron` expression.
struct Field {
    name: &'static str,
    rule: &'static str,
    low: u32,
    high: u32,
    /// Names of the values, starting at `low`.
    names: &'static [&'static str],
    /// Whether `/` is allowed.
    steps: bool,
    /// Accepts values other than lists, ranges and steps.
    special: fn(&Field, &str) -> bool,
}

const FIELDS: [Field; 6] = [
    Field {
        name: "minutes",
        rule: "0–59 , - * /",
        low: 0,
        high: 59,
        names: &[],
        steps: true,
        special: none,
    },
    Field {
        name: "hours",
        rule: "0–23 , - * /",
        low: 0,
        high: 23,
        names: &[],
        steps: true,
        special: none,
    },
    Field {
        name: "day-of-month",
        rule: "1–31 , - * / ? L W",
        low: 1,
        high: 31,
        names: &[],
        steps: true,
        special: day_of_month,
    },
    Field {
        name: "month",
        rule: "1–12 or JAN–DEC , - * /",
        low: 1,
        high: 12,
        names: &[
            "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
        ],
        steps: true,
        special: none,
    },
    Field {
        name: "day-of-week",
        rule: "1–7 or SUN–SAT , - * ? L #",
        low: 1,
        high: 7,
        names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
        steps: false,
        special: day_of_week,
    },
    Field {
        name: "year",
        rule: "1970–2199 , - * /",
        low: 1970,
        high: 2199,
        names: &[],
        steps: true,
        special: none,
    },
];

fn check_cron(text: &str) -> Result<(), InvalidExpression> {
    let given: Vec<_> = text.split(' ').collect();
    if given.len() != FIELDS.len() {
        return Err(InvalidExpression::Fields(given.len()));
    }
    for (field, text) in FIELDS.iter().zip(&given) {
        if !field.accepts(text) {
            let value = text.chars().take(40).collect();
            return Err(InvalidExpression::Field { field: field.name, value, rule: field.rule });
        }
    }
    if (given[2] == "?") == (given[4] == "?") { Err(InvalidExpression::Days) } else { Ok(()) }
}

impl Field {
    fn accepts(&self, text: &str) -> bool {
        (self.special)(self, text) || text.split(',').all(|item| self.accepts_item(item))
    }

    /// A value, a range or `*`, with or without a step.
    fn accepts_item(&self, item: &str) -> bool {
        let (range, step) =
            item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        let steps_well = step.is_none_or(|step| {
            self.steps && number(step).is_some_and(|n| (1..=self.high).contains(&n))
        });
        let range_fits = match range.split_once('-') {
            Some((from, to)) => {
                self.value(from).zip(self.value(to)).is_some_and(|(from, to)| from <= to)
            }
            None => range == "*" || self.value(range).is_some(),
        };
        steps_well && range_fits
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = || {
            let at = self.names.iter().position(|name| name.eq_ignore_ascii_case(text))?;
            u32::try_from(at).ok().map(|at| self.low + at)
        };
        number(text).filter(|n| (self.low..=self.high).contains(n)).or_else(named)
    }
}

fn none(_: &Field, _: &str) -> bool {
    false
}

/// `?`, the last day, the last weekday, or the weekday nearest to a day.
fn day_of_month(field: &Field, text: &str) -> bool {
    matches!(text, "?" | "L" | "LW")
        || text.strip_suffix('W').is_some_and(|day| field.value(day).is_some())
}

/// `?`, Saturday, or the last or n-th of a weekday in the month.
fn day_of_week(field: &Field, text: &str) -> bool {
    let last = |text: &str| text.strip_suffix('L').is_some_and(|day| field.value(day).is_some());
    let nth = |text: &str| {
        let (day, n) = text.split_once('#')?;
        field.value(day).zip(number(n).filter(|n| (1..=5).contains(n)))
    };
    matches!(text, "?" | "L") || last(text) || nth(text).is_some()
}

/// Digits only: `str::parse` also accepts a leading `+`.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accepts_examples_of_the_aws_documentation() {
        for good in [
            "rate(1 minute)",
            "rate(5 minutes)",
            "rate(1 hour)",
            "rate(12 hours)",
            "rate(7 days)",
            "cron(0 10 * * ? *)",
            "cron(15 12 * * ? *)",
            "cron(0 18 ? * MON-FRI *)",
            "cron(0 8 1 * ? *)",
            "cron(0/15 * * * ? *)",
            "cron(0/10 * ? * MON-FRI *)",
            "cron(0/5 8-17 ? * MON-FRI *)",
            "cron(15 10 ? * 6L 2022-2023)",
            "cron(30 9 L * ? *)",
            "cron(0 0 LW * ? *)",
            "cron(0 9 3W * ? *)",
            "cron(0 9 ? * TUE#2 *)",
            "cron(0 9 ? * L *)",
            "cron(0,30 */2 1,15 jan,Jul-SEP ? 2026/2)",
        ] {
            assert_eq!(check_expression(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn error_names_the_broken_rule() {
        let told: Vec<_> = [
            "daily",
            "at(2026-11-20T16:00:00)",
            "rate(1 minutes)",
            "rate(5 minute)",
            "rate(0 minutes)",
            "rate(+5 minutes)",
            "rate(5  minutes)",
            "rate(30 seconds)",
            "cron(0 10 * * ?)",
            "cron(0  10 * * ? *)",
            "cron(60 10 * * ? *)",
            "cron(0 10-8 * * ? *)",
            "cron(*/0 10 * * ? *)",
            "cron(0 10 0 * ? *)",
            "cron(0 10 ? 13 MON *)",
            "cron(0 10 ? * 2/2 *)",
            "cron(0 10 ? * MON#6 *)",
            "cron(0 10 ? * ? *)",
            "cron(0 10 * * * *)",
            "cron(0 10 * * ? 1969)",
            "cron(0 10 1W,3 * ? *)",
            " rate(1 day)",
        ]
        .into_iter()
        .map(|bad| format!("{bad:27} {}", check_expression(bad).unwrap_err()))
        .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    /// Lists of values, ranges and steps within a field's bounds.
    fn field(low: u32, high: u32, steps: bool) -> impl Strategy<Value = String> {
        let value = low..=high;
        let range = prop_oneof![
            Just("*".to_owned()),
            value.clone().prop_map(|n| n.to_string()),
            (value.clone(), value).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        ];
        let item =
            (range, proptest::option::of(1..=high)).prop_map(move |(range, step)| match step {
                Some(step) if steps => format!("{range}/{step}"),
                _ => range,
            });
        proptest::collection::vec(item, 1..4).prop_map(|items| items.join(","))
    }

    fn cron() -> impl Strategy<Value = [String; 6]> {
        let days = prop_oneof![
            (field(1, 31, true), Just("?".to_owned())),
            (Just("?".to_owned()), field(1, 7, false)),
        ];
        (field(0, 59, true), field(0, 23, true), days, field(1, 12, true), field(1970, 2199, true))
            .prop_map(|(minutes, hours, (day, weekday), month, year)| {
                [minutes, hours, day, month, weekday, year]
            })
    }

    proptest! {
        #[test]
        fn takes_every_rate(n in 2u32.., unit in "minutes|hours|days") {
            prop_assert_eq!(check_expression(&format!("rate({n} {unit})")), Ok(()));
            prop_assert_eq!(
                check_expression(&format!("rate({n} {})", unit.trim_end_matches('s'))),
                Err(InvalidExpression::Rate)
            );
        }

        #[test]
        fn takes_every_cron_within_bounds_and_none_with_a_field_out_of_them(
            fields in cron(),
            at in 0usize..6,
            out in 0usize..2,
        ) {
            prop_assert_eq!(check_expression(&format!("cron({})", fields.join(" "))), Ok(()));
            let beyond = [[60, 99], [24, 99], [0, 32], [0, 13], [0, 8], [1969, 2200]][at][out];
            let mut broken = fields;
            broken[at] = format!("{},{beyond}", broken[at].replace('?', "*"));
            let refused = check_expression(&format!("cron({})", broken.join(" ")));
            let named_the_field = matches!(
                refused,
                Err(InvalidExpression::Field { field, .. }) if field == FIELDS[at].name
            );
            prop_assert!(named_the_field);
        }

        #[test]
        fn no_text_upsets_it(
            text: String,
            inside in "[0-9A-Z,*/?#-]{0,12}( [0-9A-Z,*/?#-]{0,6}){0,6}",
        ) {
            let _ = check_expression(&text);
            let _ = check_expression(&format!("cron({inside})"));
            let _ = check_expression(&format!("rate({inside})"));
        }
    }
}
