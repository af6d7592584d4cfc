mod alerts;
mod mails;
mod periods;
mod properties;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::{id::generate, quota::spec::tests::spec};

const NOON: &str = "2026-11-20T12:00:00Z";

const MINUTE: Duration = Duration::from_secs(60);

fn noon() -> Time {
    NOON.parse().unwrap()
}

/// 1000 bytes per day, for an account.
fn quota(others: Value) -> Quota {
    let account: AccountId = generate(Time::from_millis(1), [1; 10]);
    let mut all = json!({"account": account});
    all.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    let created_at = Time::from_millis(1);
    Quota {
        name: "daily".parse().unwrap(),
        version: "1".into(),
        spec: spec(all),
        created_at,
        updated_at: created_at,
    }
}

fn begun(quota: &Quota) -> QuotaState {
    begun_at(quota, noon())
}

fn begun_at(quota: &Quota, now: Time) -> QuotaState {
    let mut standing = QuotaState::start(quota, None, now);
    standing.set_start_totals(counted(0), now);
    standing
}

fn counted(total: u64) -> Totals {
    [(Origin::Pushed, total)].into()
}

const fn at(now: Time) -> ReadTimes {
    ReadTimes { started: now, now }
}

impl QuotaState {
    /// An evaluation with one origin whose count was 0 at the start.
    fn seen(self, quota: &Quota, total: u64, now: Time) -> Self {
        self.evaluate(quota, &counted(total), at(now))
    }
}

/// The reached thresholds; those not announced are in brackets.
fn alerts(standing: &QuotaState) -> String {
    let shown = standing.current.alerts.iter().map(|alert| {
        let percent = alert.threshold.percent();
        if alert.passed_over { format!("({percent})") } else { percent.to_string() }
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn notices(standing: &QuotaState) -> Vec<String> {
    let quota = "daily".parse().unwrap();
    let shown = standing.notices.iter().map(|notice| {
        let reason = match notice.change {
            Change::Crossed => String::new(),
            Change::Resolved(why) => format!(" {why:?}"),
        };
        format!("{}{reason}", notice.subject(&quota))
    });
    shown.collect()
}

#[test]
fn changed_measure_resets_usage() {
    let daily = quota(json!({}));
    let standing = begun(&daily).seen(&daily, 1000, noon());
    for other in [
        json!({"type": "ingress"}),
        json!({"service": "shop"}),
        json!({"route": ""}),
        json!({"account": null}),
        json!({"period": "hour"}),
        json!({"timezone": "Europe/Berlin"}),
    ] {
        assert!(!standing.is_for(&quota(other.clone())), "{other}");
    }
    for same in [
        json!({"limit_bytes": 7}),
        json!({"thresholds": [1]}),
        json!({"recipients": ["x@example.com"]}),
        json!({"enforce": true}),
    ] {
        assert!(standing.is_for(&quota(same.clone())), "{same}");
    }
    let other = quota(json!({"service": "shop"}));
    let restarted = QuotaState::start(&other, Some(standing), noon());
    assert!(notices(&restarted)[1].ends_with("Redefined"), "{restarted:?}");
}

#[test]
fn bars_attribute_usage_to_time_of_evaluation() {
    let quota = quota(json!({}));
    let hour = |hours: u64| {
        "2026-11-20T00:00:00Z".parse::<Time>().unwrap()
            + MINUTE * u32::try_from(60 * hours).unwrap()
    };
    let late = begun(&quota).seen(&quota, 500, noon()).seen(&quota, 600, noon() + MINUTE);
    assert_eq!(late.current.bars, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100]);
    let early = begun_at(&quota, hour(0)).seen(&quota, 7, hour(0)).seen(&quota, 7, hour(1));
    let early = early.seen(&quota, 10, hour(2));
    assert_eq!(early.current.bars, [7, 0, 3]);
}

#[test]
fn json_round_trips() {
    let quota = quota(json!({"enforce": true}));
    let standing = begun(&quota).seen(&quota, 1000, noon()).seen(&quota, 1200, noon() + MINUTE);
    let text = serde_json::to_string(&standing).unwrap();
    assert_eq!(serde_json::from_str::<QuotaState>(&text).unwrap(), standing);
}
