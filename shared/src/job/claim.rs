use super::Status;
use crate::{id::EventId, time::Time};

/// Who holds a job, as far as the table says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Where the job stands.
    pub status: Status,
    /// Attempts begun.
    pub attempts: u32,
    /// Attempts allowed.
    pub max_attempts: u32,
    /// While queued: not to be run before this.
    pub due_at: Option<Time>,
    /// While running: the holder has it until this.
    pub lease_until: Option<Time>,
    /// The token of the latest claim.
    pub owner: Option<String>,
    /// Of one that ended and may be put back: the id under which its end was announced as an event, if it was.
    pub event: Option<EventId>,
}

/// By whom a job is ended, and how that is told.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// The token of the claim, or of the command, that ends it.
    pub token: &'a str,
    /// The id under which the end is published as an event, if it is.
    pub event: Option<EventId>,
}

impl<'a> By<'a> {
    /// An end that no event tells.
    #[must_use]
    pub const fn silent(token: &'a str) -> Self {
        Self { token, event: None }
    }
}

/// Why a claim was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The job isn't due yet, or another worker holds it, until then.
    NotYet(Time),
    /// Its last attempt is over without an outcome: it has to be finished as failed.
    Exhausted,
    /// There is nothing left to do.
    Done,
}

impl Lease {
    /// Whether `me` holds the job: then a claim that seems refused went through, and only its answer was lost.
    #[must_use]
    pub fn is_held_by(&self, me: &str) -> bool {
        self.status == Status::Running && self.owner.as_deref() == Some(me)
    }
}

/// Reads from the item that refused a claim at `now` what to do about it.
#[must_use]
pub fn refusal(lease: &Lease, now: Time) -> Refusal {
    let waits_until = match lease.status {
        _ if lease.status.is_terminal() => return Refusal::Done,
        Status::Running => lease.lease_until,
        _ => lease.due_at,
    };
    match waits_until {
        Some(until) if until > now => Refusal::NotYet(until),
        _ if lease.attempts >= lease.max_attempts => Refusal::Exhausted,
        // Free when it was looked at, taken and given back in between: worth another look at once.
        _ => Refusal::NotYet(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_lease() -> impl Strategy<Value = Lease> {
        let time = || proptest::option::of((0i64..100).prop_map(Time::from_millis));
        let owner =
            proptest::option::of(prop_oneof![Just("me".to_owned()), Just("other".to_owned())]);
        (proptest::sample::select(&Status::ALL[..]), 0u32..5, 1u32..5, time(), time(), owner)
            .prop_map(|(status, attempts, max_attempts, due_at, lease_until, owner)| Lease {
                status,
                attempts,
                max_attempts,
                due_at,
                lease_until,
                owner,
                event: None,
            })
    }

    proptest! {
        #[test]
        fn a_waiting_job_is_never_given_up_and_a_finished_one_never_taken(lease in any_lease(), now in 0i64..100) {
            let now = Time::from_millis(now);
            let refusal = refusal(&lease, now);
            prop_assert_eq!(refusal == Refusal::Done, lease.status.is_terminal());
            if refusal == Refusal::Exhausted {
                prop_assert!(lease.attempts >= lease.max_attempts);
                prop_assert!(lease.status != Status::Running || lease.lease_until.is_none_or(|until| until <= now));
            }
            if let Refusal::NotYet(until) = refusal {
                prop_assert!(until >= now);
            }
            prop_assert!(!lease.is_held_by("me") || lease.status == Status::Running);
        }
    }
}
