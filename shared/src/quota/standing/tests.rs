use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{id::mint, quota::spec::tests::spec};

const NOON: &str = "2026-11-20T12:00:00Z";
const MINUTE: Duration = Duration::from_secs(60);

fn noon() -> Time {
    NOON.parse().unwrap()
}

/// 1000 bytes a day, of an account.
fn quota(others: Value) -> Quota {
    let account: AccountId = mint(Time::from_millis(1), [1; 10]);
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

fn begun(quota: &Quota) -> Standing {
    Standing::begin(quota, 0, None, noon())
}

/// Each look's alerts: what was told, and in brackets what was passed over.
fn alerts(standing: &Standing) -> String {
    let shown = standing.alerts.iter().map(|alert| {
        let percent = alert.threshold.percent();
        if alert.passed_over { format!("({percent})") } else { percent.to_string() }
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn notices(standing: &Standing) -> Vec<String> {
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
fn the_highest_threshold_alone_is_told_and_once() {
    let quota = quota(json!({}));
    let mut standing = begun(&quota);
    let mut seen = Vec::new();
    for total in [700, 799, 800, 801, 950, 950, 1010, 5000] {
        standing = standing.look(&quota, total, noon());
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
    let standing = begun(&quota).look(&quota, 950, noon());
    assert_eq!((alerts(&standing).as_str(), notices(&standing).len()), ("(80) 90", 1));
    assert_eq!(standing.alerts.iter().map(|alert| alert.mails.len()).sum::<usize>(), 1);
}

#[test]
fn a_raised_limit_resolves_and_may_be_reached_again() {
    let (small, large) = (quota(json!({})), quota(json!({"limit_bytes": 1100})));
    let standing = begun(&small).look(&small, 850, noon()).look(&small, 1000, noon());
    assert_eq!(alerts(&standing), "80 (90) 100");
    let raised = standing.look(&large, 1000, noon());
    assert_eq!(alerts(&raised), "80 (90)");
    assert_eq!(
        notices(&raised).last().unwrap(),
        "quota daily 2026-11-20T00:00:00.000Z 100 resolved LimitRaised"
    );
    let again = raised.look(&large, 1100, noon());
    assert_eq!(alerts(&again), "80 (90) 100");
    assert_eq!(notices(&again).last().unwrap(), "quota daily 2026-11-20T00:00:00.000Z 100 crossed");
}

#[test]
fn the_periods_end_resolves_and_everything_may_come_again() {
    let quota = quota(json!({"enforce": true}));
    let standing = begun(&quota).look(&quota, 1000, noon());
    let tomorrow = noon() + Duration::from_secs(24 * 3600);
    assert!(standing.goes_on(&quota, noon()) && !standing.goes_on(&quota, tomorrow));
    let block = standing.block.clone().unwrap();
    assert_eq!(
        (block.period.end.to_string().as_str(), block.limit_bytes),
        ("2026-11-21T00:00:00.000Z", 1000)
    );
    let next = Standing::begin(&quota, 1000, Some(standing), tomorrow);
    assert_eq!(notices(&next)[1], "quota daily 2026-11-20T00:00:00.000Z 100 resolved PeriodEnded");
    assert_eq!(
        (&next.block, &next.unsettled, next.period.start),
        (&None, &vec![block.account], block.period.end)
    );
    assert_eq!(alerts(&next.look(&quota, 1900, tomorrow)), "(80) 90");
}

#[test]
fn what_is_measured_otherwise_begins_anew() {
    let daily = quota(json!({}));
    let standing = begun(&daily).look(&daily, 1000, noon());
    for other in [
        json!({"type": "ingress"}),
        json!({"service": "shop"}),
        json!({"route": ""}),
        json!({"account": null}),
        json!({"period": "hour"}),
        json!({"timezone": "Europe/Berlin"}),
    ] {
        assert!(!standing.goes_on(&quota(other.clone()), noon()), "{other}");
    }
    for same in [
        json!({"limit_bytes": 7}),
        json!({"thresholds": [1]}),
        json!({"recipients": ["x@example.com"]}),
        json!({"enforce": true}),
    ] {
        assert!(standing.goes_on(&quota(same.clone()), noon()), "{same}");
    }
    let other = quota(json!({"service": "shop"}));
    let anew = Standing::begin(&other, 0, Some(standing), noon());
    assert!(notices(&anew)[1].ends_with("Redefined"), "{anew:?}");
}

#[test]
fn a_block_is_lifted_when_there_is_more_again_or_nobody_wants_it() {
    let strict = |limit: u64| quota(json!({"enforce": true, "limit_bytes": limit}));
    let full = begun(&strict(1000)).look(&strict(1000), 1000, noon());
    let account = full.account.unwrap();
    assert_eq!(
        (full.block.as_ref().map(|block| block.account), &full.unsettled),
        (Some(account), &vec![account])
    );
    let mut settled = full;
    settled.unsettled.clear();
    let same = settled.clone().look(&strict(1000), 1500, noon());
    assert_eq!((same.block == settled.block, same.unsettled.len()), (true, 0));
    for lifted in [
        settled.clone().look(&strict(2000), 1000, noon()),
        settled.clone().look(&quota(json!({})), 1000, noon()),
        settled.end(noon()),
    ] {
        assert_eq!((&lifted.block, &lifted.unsettled), (&None, &vec![account]));
    }
}

#[test]
fn mails_go_to_who_is_to_get_them_by_now() {
    let at = |recipients: Value| quota(json!({"recipients": recipients}));
    let one = at(json!(["a@example.com", "b@example.com"]));
    let mut standing = begun(&one).look(&one, 1000, noon());
    let to = |standing: &Standing| {
        let mails = standing.alerts.last().unwrap().mails.iter();
        mails.map(|mail| mail.to.as_str().chars().next().unwrap()).collect::<String>()
    };
    let mails = &mut standing.alerts.last_mut().unwrap().mails;
    mails[0].tried(Ok(()), noon());
    mails[1].tried(Err("no such mailbox".into()), noon());
    let other = at(json!(["c@example.com"]));
    let mut standing = standing.look(&other, 1000, noon());
    assert_eq!(to(&standing), "ac");
    standing.alerts.last_mut().unwrap().mails[1].tried(Ok(()), noon());
    assert_eq!(to(&standing.look(&at(json!(["d@example.com"])), 1000, noon())), "ac");
}

#[test]
fn a_mail_that_failed_is_tried_with_pauses_that_grow() {
    let mut mail = Delivery::new("a@example.com".parse().unwrap(), noon());
    let mut now = noon();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        assert!(mail.is_due(now));
        mail.tried(Err("SES is away".into()), now);
        pauses.push(mail.next_try.since(now).as_secs());
        now = mail.next_try;
    }
    assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 3200, 3600, 3600]);
    mail.tried(Ok(()), now);
    assert!(!mail.is_due(now + MINUTE * 1000) && mail.error.is_none() && mail.sent_at == Some(now));
}

#[test]
fn bars_show_when_it_was_used_as_far_as_that_is_known() {
    let quota = quota(json!({}));
    let at = |hours: u64| {
        "2026-11-20T00:00:00Z".parse::<Time>().unwrap() + MINUTE * u32::try_from(60 * hours).unwrap()
    };
    let late = begun(&quota).look(&quota, 500, noon()).look(&quota, 600, noon() + MINUTE);
    assert_eq!(late.bars, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100]);
    let early = Standing::begin(&quota, 0, None, at(0)).look(&quota, 7, at(0)).look(&quota, 7, at(1)).look(
        &quota,
        10,
        at(2),
    );
    assert_eq!(early.bars, [7, 0, 3]);
}

#[test]
fn survives_its_own_text() {
    let quota = quota(json!({"enforce": true}));
    let standing = begun(&quota).look(&quota, 1000, noon()).look(&quota, 1200, noon() + MINUTE);
    let text = serde_json::to_string(&standing).unwrap();
    assert_eq!(serde_json::from_str::<Standing>(&text).unwrap(), standing);
}

#[derive(Clone, Debug)]
enum Step {
    Use(u64),
    Limit(u64),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u64..400).prop_map(Step::Use),
        1 => (1u64..3000).prop_map(Step::Limit),
        2 => (1u64..40_000).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn each_threshold_is_told_once_a_period_and_limit(steps in steps(), enforce: bool) {
        let (mut limit, mut total, mut now) = (1000, 0, noon());
        let mut quota = quota(json!({"enforce": enforce}));
        let mut standing = begun(&quota);
        // What was told since the period or the limit was another, and what subscribers take for reached.
        let (mut told, mut reached) = (BTreeSet::new(), BTreeSet::new());
        for step in steps {
            match step {
                Step::Use(more) => total += more,
                Step::Limit(other) => limit = other,
                Step::Wait(seconds) => now = now + Duration::from_secs(seconds),
            }
            let before = standing.period;
            if limit != quota.spec.limit_bytes {
                quota.spec.limit_bytes = limit;
                told.clear();
            }
            if !standing.goes_on(&quota, now) {
                standing = Standing::begin(&quota, total, Some(standing), now);
                told.clear();
            }
            standing.notices.clear();
            if standing.period != before {
                reached.clear();
            }
            standing = standing.look(&quota, total, now);
            for notice in &standing.notices {
                match notice.change {
                    Change::Crossed => {
                        prop_assert!(told.insert(notice.threshold), "told twice: {notice:?}");
                        prop_assert!(reached.insert(notice.threshold));
                        prop_assert!(reached.iter().all(|other| *other <= notice.threshold));
                    }
                    Change::Resolved(_) => prop_assert!(reached.remove(&notice.threshold)),
                }
            }
            prop_assert!(standing.notices.iter().filter(|notice| notice.change == Change::Crossed).count() <= 1);
            for threshold in &quota.spec.thresholds {
                let noted = standing.alerts.iter().any(|alert| alert.threshold == *threshold);
                prop_assert_eq!(noted, threshold.is_reached(standing.used, limit));
            }
            prop_assert_eq!(standing.block.is_some(), enforce && standing.used >= limit);
            prop_assert!(standing.period.holds(now) && standing.used == total - standing.base);
            prop_assert!(standing.bars.iter().sum::<u64>() <= standing.used);
        }
    }
}
