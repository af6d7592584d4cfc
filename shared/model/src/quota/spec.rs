use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{PeriodLength, Recipient};
use crate::{
    id::AccountId,
    name::Name,
    time::Time,
    usage::{Direction, Label, Series},
    violation::Violation,
    zone::{UNKNOWN_ZONE, Zone, is_zone},
};

/// The largest limit, 9 petabytes: the largest integer that all JSON parsers represent exactly.
pub const MAX_LIMIT_BYTES: u64 = (1 << 53) - 1;

/// The body of `PUT /v1/quotas/{name}`: a limit in bytes per period for a set of series, and the
/// effects of reaching it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaSpec {
    /// Limit in bytes per period.
    #[schema(minimum = 1, maximum = 9007199254740991i64, examples(1000000000000i64))]
    pub limit_bytes: u64,
    /// Direction of the bytes that count.
    pub r#type: Direction,
    /// Service to count; null: all.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 128, examples("shop"))]
    pub service: Option<Label>,
    /// Route to count; null: all.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 128, examples("list"))]
    pub route: Option<Label>,
    /// Account whose usage counts; null: the usage of all accounts, and usage without an account.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    pub account: Option<AccountId>,
    /// Length of a period, by the calendar of `timezone`.
    pub period: PeriodLength,
    /// Time zone of the periods: a name of the IANA Time Zone Database.
    #[serde(default = "QuotaSpec::default_timezone")]
    #[schema(max_length = 50, default = "UTC", examples("Europe/Berlin"))]
    pub timezone: String,
    /// Percentages of the limit that trigger an alert when usage reaches them.
    #[serde(default = "QuotaSpec::default_thresholds")]
    #[schema(min_items = 1, max_items = 10, default = json!([80, 90, 100]))]
    pub thresholds: Vec<Threshold>,
    /// E-mail addresses that receive the alerts.
    #[schema(min_items = 1, max_items = 10)]
    pub recipients: Vec<Recipient>,
    /// Whether jobs and events submitted with the account's own keys are rejected (429) once the
    /// limit is reached.
    #[serde(default)]
    #[schema(default = false)]
    pub enforce: bool,
}

/// A percentage of a limit: 1 to 1000.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(try_from = "u16")]
#[schema(value_type = u16, minimum = 1, maximum = 1000)]
pub struct Threshold(u16);

#[derive(Debug, thiserror::Error)]
#[error("must be an integer from 1 to 1000")]
pub struct InvalidThreshold;

impl TryFrom<u16> for Threshold {
    type Error = InvalidThreshold;

    fn try_from(percent: u16) -> Result<Self, InvalidThreshold> {
        if (1..=1000).contains(&percent) { Ok(Self(percent)) } else { Err(InvalidThreshold) }
    }
}

impl Threshold {
    #[must_use]
    pub const fn percent(self) -> u16 {
        self.0
    }

    /// Whether `used` is at least this percentage of `limit`.
    #[must_use]
    pub fn is_reached(self, used: u64, limit: u64) -> bool {
        u128::from(used) * 100 >= u128::from(limit) * u128::from(self.0)
    }
}

impl QuotaSpec {
    fn default_timezone() -> String {
        "UTC".to_owned()
    }

    fn default_thresholds() -> Vec<Threshold> {
        [80, 90, 100].map(Threshold).to_vec()
    }

    /// Violations that the JSON schema cannot express. The stores check whether the account exists.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        if !is_zone(&self.timezone) {
            found.push(Violation::new("/timezone", UNKNOWN_ZONE));
        }
        for n in duplicates(&self.thresholds) {
            found.push(Violation::new(format!("/thresholds/{n}"), "duplicate item"));
        }
        for n in duplicates(&self.recipients) {
            found.push(Violation::new(format!("/recipients/{n}"), "duplicate item"));
        }
        if self.enforce && self.account.is_none() {
            found.push(Violation::new("/enforce", "requires account"));
        }
        found
    }

    #[must_use]
    pub fn zone(&self) -> Zone {
        Zone::named(&self.timezone)
    }

    /// Whether the series' bytes count.
    #[must_use]
    pub fn matches(&self, series: &Series) -> bool {
        let any_or =
            |wanted: &Option<Label>, is: &Label| wanted.as_ref().is_none_or(|wanted| wanted == is);
        self.r#type == series.direction
            && any_or(&self.service, &series.service)
            && any_or(&self.route, &series.route)
            && self.account.is_none_or(|account| series.account == Some(account))
    }
}

/// Indexes of items that occur earlier in the list.
fn duplicates<T: PartialEq>(items: &[T]) -> impl Iterator<Item = usize> {
    (0..items.len()).filter(|n| items[..*n].contains(&items[*n]))
}

/// A stored quota.
#[derive(Clone, Debug)]
pub struct Quota {
    pub name: Name,
    /// Changes with every update.
    pub version: String,
    pub spec: QuotaSpec,
    pub created_at: Time,
    pub updated_at: Time,
}

impl Quota {
    /// A digest of what the quota measures. Usage is kept while it stays the same. A quota
    /// recreated under the same name measures from zero.
    #[must_use]
    pub fn measure(&self) -> String {
        let QuotaSpec { r#type, service, route, account, period, timezone, .. } = &self.spec;
        let whole =
            format!("{:?}", (self.created_at, r#type, service, route, account, period, timezone));
        Sha256::digest(whole).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::id::generate;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// A quota of 1000 bytes per day with the given members added or replaced.
    pub fn spec(others: Value) -> QuotaSpec {
        let mut spec = json!({
            "limit_bytes": 1000, "type": "egress", "period": "day",
            "recipients": ["ops@example.com"],
        });
        spec.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn counts_matching_series_only() {
        let account: AccountId = generate(Time::from_millis(1), [1; 10]);
        let label = |text: &str| text.parse::<Label>().unwrap();
        let series = |account, service, route| Series {
            account,
            direction: Direction::Egress,
            service: label(service),
            route: label(route),
        };
        fn flags(text: &str) -> Vec<bool> {
            text.chars().map(|c| c == 'x').collect()
        }
        let cases = [
            (json!({}), "xxxx"),
            (json!({"account": account}), "-xxx"),
            (json!({"service": "shop"}), "xxx-"),
            (json!({"service": "shop", "route": "list"}), "xx--"),
            (json!({"route": ""}), "--x-"),
            (json!({"type": "ingress"}), "----"),
        ];
        for (others, wanted) in cases {
            let counted = |others: Value| {
                let spec = spec(others);
                [
                    (None, "shop", "list"),
                    (Some(account), "shop", "list"),
                    (Some(account), "shop", ""),
                    (Some(account), "blog", "list"),
                ]
                .map(|(account, service, route)| spec.matches(&series(account, service, route)))
                .to_vec()
            };
            assert_eq!(counted(others.clone()), flags(wanted), "{others}");
        }
    }

    #[test]
    fn reports_all_violations() {
        let bad = spec(json!({
            "timezone": "Berlin", "thresholds": [80, 90, 80],
            "recipients": ["a@b.co", "a@b.co"], "enforce": true,
        }));
        let told: Vec<_> = bad
            .violations()
            .into_iter()
            .map(|wrong| format!("{} {}", wrong.pointer, wrong.detail))
            .collect();
        insta::assert_snapshot!(told.join("\n"), @"
        /timezone must be an IANA time zone such as Europe/Berlin or UTC
        /thresholds/2 duplicate item
        /recipients/1 duplicate item
        /enforce requires account
        ");
    }

    proptest! {
        #[test]
        fn a_threshold_is_reached_at_its_share_and_above(
            limit in 1..=MAX_LIMIT_BYTES,
            percent in 1u16..=1000,
            beyond in 0u64..1000,
        ) {
            let threshold = Threshold::try_from(percent).unwrap();
            // The smallest number of bytes that is at least this percentage.
            let share =
                u64::try_from((u128::from(limit) * u128::from(percent)).div_ceil(100)).unwrap();
            prop_assert!(threshold.is_reached(share + beyond, limit));
            prop_assert!(!threshold.is_reached(share - 1, limit));
        }
    }
}
