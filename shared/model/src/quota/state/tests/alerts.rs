//! Thresholds, their alerts and the block of an enforced quota.

use serde_json::json;

use super::*;

#[test]
fn announces_only_the_highest_threshold_once() {
    let quota = quota(json!({}));
    let mut standing = begun(&quota);
    let mut seen = Vec::new();
    for total in [700, 799, 800, 801, 950, 950, 1010, 5000] {
        standing = standing.seen(&quota, total, noon());
        seen.push(format!("{total}: {}", alerts(&standing)));
    }
    insta::assert_snapshot!(seen.join("\n"), @"
    700: 
    799: 
    800: 80
    801: 80
    950: 80 90
    950: 80 90
    1010: 80 90 100
    5000: 80 90 100
    ");
    let standing = begun(&quota).seen(&quota, 950, noon());
    assert_eq!((alerts(&standing).as_str(), notices(&standing).len()), ("(80) 90", 1));
    assert_eq!(standing.current.alerts.iter().map(|alert| alert.mails.len()).sum::<usize>(), 1);
}

#[test]
fn raised_limit_resolves_alert_and_can_be_reached_again() {
    let (small, large) = (quota(json!({})), quota(json!({"limit_bytes": 1100})));
    let standing = begun(&small).seen(&small, 850, noon()).seen(&small, 1000, noon());
    assert_eq!(alerts(&standing), "80 (90) 100");
    let raised = standing.seen(&large, 1000, noon());
    assert_eq!(alerts(&raised), "80 (90)");
    assert_eq!(
        notices(&raised).last().unwrap(),
        "quota daily 2026-11-20T00:00:00.000Z 100 resolved LimitRaised"
    );
    let again = raised.seen(&large, 1100, noon());
    assert_eq!(alerts(&again), "80 (90) 100");
    assert_eq!(notices(&again).last().unwrap(), "quota daily 2026-11-20T00:00:00.000Z 100 crossed");
}

#[test]
fn block_is_removed_when_limit_rises_or_enforcement_ends() {
    let strict = |limit: u64| quota(json!({"enforce": true, "limit_bytes": limit}));
    let full = begun(&strict(1000)).seen(&strict(1000), 1000, noon());
    let account = full.account.unwrap();
    assert_eq!(
        (full.block.as_ref().map(|block| block.account), &full.unsettled),
        (Some(account), &vec![account])
    );
    let mut settled = full;
    settled.unsettled.clear();
    let same = settled.clone().seen(&strict(1000), 1500, noon());
    assert_eq!((same.block == settled.block, same.unsettled.len()), (true, 0));
    for lifted in [
        settled.clone().seen(&strict(2000), 1000, noon()),
        settled.clone().seen(&quota(json!({})), 1000, noon()),
        settled.close_deleted(noon()),
    ] {
        assert_eq!((&lifted.block, &lifted.unsettled), (&None, &vec![account]));
    }
}
