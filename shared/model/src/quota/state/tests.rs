use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
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

fn refused(why: &str) -> MailFailure {
    MailFailure { why: why.to_owned(), unanswered: false }
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
    let anew = QuotaState::start(&other, Some(standing), noon());
    assert!(notices(&anew)[1].ends_with("Redefined"), "{anew:?}");
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

#[test]
fn unsent_mails_go_to_current_recipients() {
    let to_whom = |recipients: Value| quota(json!({"recipients": recipients}));
    let one = to_whom(json!(["a@example.com", "b@example.com"]));
    let mut standing = begun(&one).seen(&one, 1000, noon());
    let to = |standing: &QuotaState| {
        let mails = standing.current.alerts.last().unwrap().mails.iter();
        mails.map(|mail| mail.to.as_str().chars().next().unwrap()).collect::<String>()
    };
    let mails = &mut standing.current.alerts.last_mut().unwrap().mails;
    mails[0].record_result(Ok(()), noon());
    mails[1].record_result(Err(refused("no such mailbox")), noon());
    let other = to_whom(json!(["c@example.com"]));
    let mut standing = standing.seen(&other, 1000, noon());
    assert_eq!(to(&standing), "ac");
    standing.current.alerts.last_mut().unwrap().mails[1].record_result(Ok(()), noon());
    assert_eq!(to(&standing.seen(&to_whom(json!(["d@example.com"])), 1000, noon())), "ac");
}

#[test]
fn failed_mail_is_retried_with_backoff() {
    let mut mail = MailDelivery::new("a@example.com".parse().unwrap(), noon());
    let mut now = noon();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        assert!(mail.is_due(now));
        mail.record_result(Err(refused("SES is away")), now);
        pauses.push(mail.next_try.since(now).as_secs());
        now = mail.next_try;
    }
    assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 3200, 3600, 3600]);
    mail.record_result(Ok(()), now);
    assert!(!mail.is_due(now + MINUTE * 1000) && mail.error.is_none() && mail.sent_at == Some(now));
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

#[test]
fn mails_are_sent_for_a_day_after_the_period() {
    let quota = quota(json!({"period": "hour"}));
    let mut standing = begun(&quota);
    let mut now = noon();
    for n in 1..=10 {
        standing = standing.seen(&quota, n * 1000, now);
        now = now + MINUTE * 60;
        standing =
            standing.evaluate_ended(&quota, &counted(n * 1000), at(now)).roll_over(&quota, now);
    }
    // After an outage of several hours only the latest periods are kept.
    let starts: Vec<_> = standing.past.iter().map(|past| past.period.start.to_string()).collect();
    assert_eq!((starts.len(), starts[0].as_str()), (MAX_PAST_PERIODS, "2026-11-20T16:00:00.000Z"));
    let errand = standing.due_mail(now).unwrap();
    assert_eq!(errand.period, standing.past[0].period);
    standing.record_result(&errand, Ok(()), now);
    let standing = standing.seen(&quota, 10_000, now);
    assert_eq!(standing.past.len(), MAX_PAST_PERIODS - 1);
    let next_day = now + MINUTE * 60 * 24;
    let turned =
        standing.evaluate_ended(&quota, &counted(10_000), at(next_day)).roll_over(&quota, next_day);
    assert_eq!((turned.past.len(), turned.due_mail(next_day)), (0, None));
}

/// A mail that SES accepts without ever responding is sent at most twice.
#[test]
fn mail_without_response_is_sent_twice() {
    let mut mail = MailDelivery::new("a@example.com".parse().unwrap(), noon());
    let unanswered = || MailFailure { unanswered: true, ..refused("SES says nothing") };
    mail.record_result(Err(unanswered()), noon());
    assert!(mail.is_due(noon() + MINUTE));
    mail.record_result(Err(unanswered()), noon() + MINUTE);
    assert!(!mail.is_pending() && mail.error.is_some() && mail.tries == 2);
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

/// An operation at an origin.
#[derive(Clone, Debug)]
enum Fate {
    /// A series counter increases.
    Count(usize, u64),
    /// A series counter expires.
    Forget(usize),
    /// The origin disappears or returns.
    Hide(bool),
    /// The next period starts.
    Turn,
}

fn changes() -> impl Strategy<Value = Vec<(usize, Fate)>> {
    let change = prop_oneof![
        6 => (0usize..3, 0u64..1000).prop_map(|(head, bytes)| Fate::Count(head, bytes)),
        1 => (0usize..3).prop_map(Fate::Forget),
        1 => any::<bool>().prop_map(Fate::Hide),
        1 => Just(Fate::Turn),
    ];
    prop::collection::vec((0usize..3, change), 1..60)
}

proptest! {
    /// For any sequence of expiring counters and disappearing origins, usage is counters
    /// since the period started.
    #[test]
    fn what_goes_takes_its_share_along(changes in changes()) {
        let quota = quota(json!({"limit_bytes": 1_000_000_000}));
        let mut standing = QuotaState::start(&quota, None, noon());
        // Per origin: each counter's total now and at the period's start; whether the origin is
        // hidden; bytes of this period not yet visible.
        let mut heads = [[(0u64, 0u64); 3]; 3];
        let (mut hidden, mut pending, mut truth, mut now) = ([false; 3], [0u64; 3], 0u64, noon());
        for (origin, change) in changes {
            now = now + MINUTE;
            match change {
                Fate::Count(head, bytes) => {
                    heads[origin][head].0 += bytes;
                    pending[origin] += bytes;
                }
                // Only counters without pending increases expire.
                Fate::Forget(head) if !hidden[origin] => heads[origin][head] = (0, 0),
                Fate::Forget(_) => {}
                Fate::Hide(hide) => hidden[origin] = hide,
                Fate::Turn if pending.iter().any(|bytes| *bytes > 0) => {}
                Fate::Turn => {
                    now = standing.current.period.end + MINUTE;
                    standing = standing.roll_over(&quota, now);
                    truth = 0;
                    for origin in &mut heads {
                        origin.iter_mut().for_each(|head| head.1 = head.0);
                    }
                }
            }
            let name = |n: usize| Origin::Source(format!("s{n}").parse().unwrap());
            let sum = |pick: fn(&(u64, u64)) -> u64| -> Totals {
                (0..3)
                    .filter(|n| !hidden[*n])
                    .map(|n| (name(n), heads[n].iter().map(pick).sum()))
                    .collect()
            };
            let (totals, starts) = (sum(|head| head.0), sum(|head| head.1));
            let unknown = standing.new_origins(&totals);
            standing.set_start_totals(
                starts.into_iter().filter(|(origin, _)| unknown.contains(origin)).collect(),
                now,
            );
            standing = standing.evaluate(&quota, &totals, at(now));
            for n in (0..3).filter(|n| !hidden[*n]) {
                truth += std::mem::take(&mut pending[n]);
            }
            prop_assert_eq!(standing.current.used, truth);
        }
    }

    #[test]
    fn each_threshold_is_told_once_a_period_and_limit(steps in steps(), enforce: bool) {
        let (mut limit, mut total, mut base, mut now) = (1000, 0, 0, noon());
        let mut quota = quota(json!({"enforce": enforce}));
        let mut standing = begun(&quota);
        // Thresholds announced since the period or limit last changed, and thresholds that
        // subscribers consider reached.
        let (mut told, mut reached) = (BTreeSet::new(), BTreeSet::new());
        for step in steps {
            match step {
                Step::Use(more) => total += more,
                Step::Limit(other) => limit = other,
                Step::Wait(seconds) => now = now + Duration::from_secs(seconds),
            }
            let before = standing.current.period;
            if limit != quota.spec.limit_bytes {
                quota.spec.limit_bytes = limit;
                told.clear();
            }
            if !standing.is_open(now) {
                let ended = standing.current.period.end;
                standing = standing.evaluate_ended(&quota, &counted(total), at(now));
                standing = standing.roll_over(&quota, now);
                standing.set_start_totals(counted(total), now);
                prop_assert!(standing.current.period.start >= ended && standing.current.used == 0);
                base = total;
                told.clear();
            }
            standing.notices.clear();
            if standing.current.period != before {
                reached.clear();
            }
            standing = standing.seen(&quota, total, now);
            for notice in &standing.notices {
                match notice.change {
                    Change::Crossed => {
                        prop_assert!(told.insert(notice.threshold), "announced twice: {notice:?}");
                        prop_assert!(reached.insert(notice.threshold));
                        prop_assert!(reached.iter().all(|other| *other <= notice.threshold));
                    }
                    Change::Resolved(_) => prop_assert!(reached.remove(&notice.threshold)),
                }
            }
            prop_assert!(
                standing.notices.iter().filter(|notice| notice.change == Change::Crossed).count()
                    <= 1
            );
            for threshold in &quota.spec.thresholds {
                let noted =
                    standing.current.alerts.iter().any(|alert| alert.threshold == *threshold);
                prop_assert_eq!(noted, threshold.is_reached(standing.current.used, limit));
            }
            prop_assert_eq!(standing.block.is_some(), enforce && standing.current.used >= limit);
            prop_assert!(
                standing.current.period.contains(now) && standing.current.used == total - base
            );
            prop_assert!(standing.current.bars.iter().sum::<u64>() <= standing.current.used);
        }
    }
}
