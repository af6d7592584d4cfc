//! Which job a permit runs.
//!
//! A queue has no order, so a message of a kind with one is not a job but a *permit* to run one of the account's jobs of that kind: the
//! best that is due. The agenda, an index of the table, lists those jobs by rank. Every job sends one message, so that there are as
//! many permits as jobs; [`audit`](super::audit) replaces those that were lost.
//!
//! What is *not* on the agenda: a job that waits for its time, be it its first or a retry. Its own message comes when it is due; then
//! it is either run, or listed for another permit to find. So nobody reads through jobs that can't be run yet.
//!
//! What *is* on it: jobs that are due, and jobs that run, due when their lease ends: a killed worker's job is found again. And those
//! that wait so shortly that their message, which is sent first, may come before their row is written. Such a message sees a job that
//! still runs, or isn't there, and is used for another.

use std::{collections::BTreeSet, time::Duration};

use crate::{id::JobId, kind::Rank, time::Time};

/// A job as the agenda lists it. The index may be a moment behind the table; the claim decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which job.
    pub id: JobId,
    /// Where it stands.
    pub rank: Rank,
    /// From when on it may be claimed.
    pub due_at: Time,
}

/// What the table says of the job whose message a permit is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Own {
    /// It can be claimed.
    Ready {
        /// Where it stands.
        rank: Rank,
        /// Whether other permits find it.
        listed: bool,
    },
    /// It waits for its time, and this message is all that will bring it back.
    NotBefore(Time),
    /// Nothing that matters here: it runs, has its outcome, or isn't known (yet).
    Elsewhere,
}

/// What a permit is used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// To run its own job, which is among the best.
    Own(JobId),
    /// To run one of the others.
    Other,
    /// It has to come back then.
    Wait(Time),
    /// Nothing is due.
    Idle {
        /// Whether there are jobs all the same: they run, or wait.
        in_sight: bool,
    },
}

/// What a batch's permits of one account and kind are used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// One for each permit, in their order.
    pub errands: Vec<Errand>,
    /// The jobs for permits that don't run their own, best first; the first of them are enough, unless another worker is quicker.
    pub others: Vec<JobId>,
    /// Jobs that have to be listed before their permits may be used for others.
    pub unlisted: Vec<JobId>,
}

/// Decides for `permits`, given what the agenda shows: the best jobs are taken, exactly.
#[must_use]
pub fn plan(permits: &[(JobId, Own)], agenda: &[Entry], now: Time) -> Plan {
    let waits = |id: JobId| {
        permits.iter().any(|(own, state)| *own == id && matches!(state, Own::NotBefore(_)))
    };
    // Of a job that waits for its time the table knows better than an index that is behind.
    let listed = agenda.iter().filter(|entry| entry.due_at <= now && !waits(entry.id));
    let mut due: BTreeSet<(&Rank, JobId)> = listed.map(|entry| (&entry.rank, entry.id)).collect();
    due.extend(permits.iter().filter_map(|(id, own)| match own {
        Own::Ready { rank, .. } => Some((rank, *id)),
        _ => None,
    }));
    let mut order: Vec<JobId> = Vec::new();
    for (_, id) in due {
        if !order.contains(&id) {
            order.push(id);
        }
    }
    let usable = permits.iter().filter(|(_, own)| !matches!(own, Own::NotBefore(_))).count();
    let mut rest = order.split_off(usable.min(order.len()));
    let mut chosen = order;
    let unlisted = permits
        .iter()
        .filter(|(id, own)| matches!(own, Own::Ready { listed: false, .. }) && !chosen.contains(id))
        .map(|(id, _)| *id)
        .collect();
    // A permit whose own job is among the chosen takes that: the fewer change hands, the better.
    let own: BTreeSet<JobId> =
        permits.iter().map(|(id, _)| *id).filter(|id| chosen.contains(id)).collect();
    chosen.retain(|id| !own.contains(id));
    let mut free = chosen.len();
    let mut taken = BTreeSet::new();
    let mut errand = |(id, state): &(JobId, Own)| match state {
        Own::NotBefore(until) => Errand::Wait(*until),
        _ if own.contains(id) && taken.insert(*id) => Errand::Own(*id),
        _ if free > 0 => {
            free -= 1;
            Errand::Other
        }
        _ => Errand::Idle { in_sight: !agenda.is_empty() },
    };
    let errands = permits.iter().map(&mut errand).collect();
    chosen.append(&mut rest);
    Plan { errands, others: chosen, unlisted }
}

const PAUSES: [u64; 5] = [1, 5, 30, 120, 600];

/// How often a permit looks again that finds nothing at all.
#[expect(clippy::cast_possible_truncation, reason = "a handful")]
pub const LOOKS: u8 = PAUSES.len() as u8;

/// How often one looks again that always sees jobs, and never gets one: for a day. It may be one too many, as every cancelled job
/// leaves one, and would otherwise never go from a kind that is never idle.
const MOST: u8 = 150;

/// How long a permit waits that found no job to run, before it looks again; after the last look it is dropped. The agenda may be a moment
/// behind. As long as jobs are `in_sight`, the permit may be the only one that is left for one of them: when its attempt is to be
/// repeated and its message was quicker than the row that says so, or when its worker dies.
#[must_use]
pub fn look_again(looks: u8, in_sight: bool) -> Option<Duration> {
    let last = PAUSES.last().filter(|_| in_sight && looks < MOST);
    PAUSES.get(usize::from(looks)).or(last).copied().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::mint, kind::Discipline};
    use proptest::prelude::*;

    fn id(n: i64) -> JobId {
        mint(Time::from_millis(n), [7; 10])
    }

    fn entry(n: i64, due_at: i64) -> Entry {
        let rank = Discipline::Lifo.rank(id(n), 0).unwrap();
        Entry { id: id(n), rank, due_at: Time::from_millis(due_at) }
    }

    fn ready(n: i64, listed: bool) -> (JobId, Own) {
        (id(n), Own::Ready { rank: Discipline::Lifo.rank(id(n), 0).unwrap(), listed })
    }

    const NOW: Time = Time::from_millis(1000);

    #[test]
    fn the_best_are_taken_and_own_ones_preferred() {
        let agenda = [entry(5, 0), entry(4, 0), entry(3, 2000), entry(2, 0), entry(1, 0)];
        let permits = [ready(1, true), ready(4, true), (id(9), Own::Elsewhere)];
        let plan = plan(&permits, &agenda, NOW);
        assert_eq!(plan.errands, [Errand::Other, Errand::Own(id(4)), Errand::Other]);
        assert_eq!((plan.others, plan.unlisted), (vec![id(5), id(2), id(1)], vec![]));
    }

    #[test]
    fn a_job_that_only_its_message_knows_is_listed_before_that_is_used_for_another() {
        let plan = plan(&[ready(1, false)], &[entry(5, 0)], NOW);
        let (errands, others) = (vec![Errand::Other], vec![id(5), id(1)]);
        assert_eq!(plan, Plan { errands, others, unlisted: vec![id(1)] });
    }

    #[test]
    fn one_that_waits_for_its_time_keeps_its_message() {
        let until = Time::from_millis(5000);
        let plan = plan(&[(id(1), Own::NotBefore(until))], &[entry(5, 0)], NOW);
        assert_eq!((plan.errands, plan.others), (vec![Errand::Wait(until)], vec![id(5)]));
    }

    #[test]
    fn a_permit_that_finds_nothing_is_kept_for_a_day_if_it_sees_jobs() {
        let in_sight = |agenda: &[Entry]| plan(&[(id(9), Own::Elsewhere)], agenda, NOW).errands;
        assert_eq!(in_sight(&[]), [Errand::Idle { in_sight: false }]);
        assert_eq!(in_sight(&[entry(5, 2000)]), [Errand::Idle { in_sight: true }]);
        let waits = |in_sight| {
            (0..=u8::MAX).map_while(move |looks| look_again(looks, in_sight)).sum::<Duration>()
        };
        assert_eq!(waits(false), Duration::from_secs(756));
        assert!(
            (Duration::from_secs(23 * 3600)..Duration::from_secs(25 * 3600)).contains(&waits(true))
        );
    }

    proptest! {
        #[test]
        fn every_due_job_is_used_once_at_most(
            own in proptest::collection::btree_map(0i64..20, 0..4u8, 0..10),
            agenda in proptest::collection::btree_map(0i64..20, 0i64..2000, 0..20),
        ) {
            let permits: Vec<_> = own.iter().map(|(n, state)| match state {
                0 => ready(*n, true),
                1 => ready(*n, false),
                2 => (id(*n), Own::NotBefore(Time::from_millis(2000))),
                _ => (id(*n), Own::Elsewhere),
            }).collect();
            let entries: Vec<_> = agenda.iter().map(|(n, due)| entry(*n, *due)).collect();
            let plan = plan(&permits, &entries, NOW);
            prop_assert_eq!(plan.errands.len(), permits.len());
            let own: Vec<_> = plan.errands.iter().filter_map(|errand| match errand { Errand::Own(id) => Some(*id), _ => None }).collect();
            let all: BTreeSet<_> = own.iter().chain(&plan.others).copied().collect();
            prop_assert_eq!(all.len(), own.len() + plan.others.len());
            let count = |wanted: fn(&Errand) -> bool| plan.errands.iter().filter(|errand| wanted(errand)).count();
            let others = count(|errand| *errand == Errand::Other);
            prop_assert!(others <= plan.others.len());
            let idle = count(|errand| matches!(errand, Errand::Idle { .. }));
            prop_assert!(idle == 0 || others == plan.others.len());
            for (permit, errand) in permits.iter().zip(&plan.errands) {
                if let (id, Own::Ready { listed: false, .. }) = permit {
                    let dealt = plan.others[..others].contains(id);
                    prop_assert!(*errand == Errand::Own(*id) || dealt || plan.unlisted.contains(id));
                }
            }
        }
    }
}
