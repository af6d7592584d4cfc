//! The end of a period, and the start of the next.

use std::time::Duration;

use serde_json::json;

use super::*;

#[test]
fn period_end_resolves_alerts_and_next_period_can_alert_again() {
    let quota = quota(json!({"enforce": true}));
    let standing = begun(&quota).seen(&quota, 1000, noon());
    let tomorrow = noon() + Duration::from_secs(24 * 3600);
    assert!(standing.is_open(noon()) && !standing.is_open(tomorrow));
    let block = standing.block.clone().unwrap();
    assert_eq!(
        (block.period.end.to_string().as_str(), block.limit_bytes),
        ("2026-11-21T00:00:00.000Z", 1000)
    );
    let next =
        standing.evaluate_ended(&quota, &counted(1000), at(tomorrow)).roll_over(&quota, tomorrow);
    assert_eq!(notices(&next)[1], "quota daily 2026-11-20T00:00:00.000Z 100 resolved PeriodEnded");
    assert_eq!(
        (&next.block, &next.unsettled, next.current.period.start),
        (&None, &vec![block.account], block.period.end)
    );
    assert_eq!(alerts(&next.seen(&quota, 1900, tomorrow)), "(80) 90");
}

/// Bytes counted between the last evaluation within a period and its end belong to that period and
/// do not count again.
#[test]
fn ended_period_is_evaluated_once_more() {
    let quota = quota(json!({"enforce": true}));
    let midnight: Time = "2026-11-21T00:00:00Z".parse().unwrap();
    let just_before = midnight - Duration::from_secs(57);
    let standing = begun(&quota).seen(&quota, 700, noon()).seen(&quota, 790, just_before);
    let now = midnight + Duration::from_secs(3);
    let next = standing.evaluate_ended(&quota, &counted(910), at(now)).roll_over(&quota, now);
    assert_eq!(
        notices(&next),
        [
            "quota daily 2026-11-20T00:00:00.000Z 90 crossed",
            "quota daily 2026-11-20T00:00:00.000Z 90 resolved PeriodEnded",
        ]
    );
    assert!(next.notices.is_sorted_by(|a, b| a.at < b.at), "{next:?}");
    let [past] = &next.past[..] else { panic!("{next:?}") };
    assert_eq!(
        (past.used, past.period.end, next.current.used, next.block.is_none()),
        (910, midnight, 0, true)
    );
    let errand = next.due_mail(now).unwrap();
    assert_eq!((errand.threshold.percent(), errand.period), (90, past.period));
    assert_eq!(next.seen(&quota, 925, now).current.used, 15);
}

/// A report may be dated up to a minute ahead. Once counted in a period, it does not count in the
/// next.
#[test]
fn report_dated_ahead_counts_once() {
    let quota = quota(json!({}));
    let midnight: Time = "2026-11-21T00:00:00Z".parse().unwrap();
    let now = midnight + Duration::from_secs(3);
    let standing = begun(&quota).seen(&quota, 790, midnight - Duration::from_secs(57));
    let ended = standing.evaluate_ended(&quota, &counted(780), at(now));
    assert_eq!(ended.current.used, 790);
    assert_eq!(ended.roll_over(&quota, now).seen(&quota, 795, now).current.used, 5);
}

/// A change after the period's end applies to the next period only.
#[test]
fn ended_period_keeps_its_limit() {
    let quota = quota(json!({}));
    let tomorrow = noon() + MINUTE * 60 * 12;
    let mut other = quota.clone();
    (other.spec.limit_bytes, other.updated_at) = (500, tomorrow);
    let ended =
        begun(&quota).seen(&quota, 700, noon()).evaluate_ended(&other, &counted(700), at(tomorrow));
    assert_eq!(
        (alerts(&ended).as_str(), ended.roll_over(&other, tomorrow).current.limit_bytes),
        ("", 500)
    );
}
