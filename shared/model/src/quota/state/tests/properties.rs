//! Properties of any sequence of usage and changes.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use serde_json::json;

use super::*;

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
