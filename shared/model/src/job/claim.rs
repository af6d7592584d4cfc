use super::Status;
use crate::{id::EventId, time::Time};

/// A job's claim state, as stored in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub status: Status,
    /// Number of attempts started.
    pub attempts: u32,
    pub max_attempts: u32,
    /// While queued: earliest start.
    pub due_at: Option<Time>,
    /// While running: end of the holder's lease.
    pub lease_until: Option<Time>,
    /// Token of the latest claim.
    pub owner: Option<String>,
    /// For a finished job that may be requeued: id of the event published for its end, if any.
    pub end_event: Option<EventId>,
}

/// Origin of a job's end, and the event that announces it.
#[derive(Clone, Copy, Debug)]
pub struct EndedBy<'a> {
    /// Token of the claim or command that ends the job.
    pub token: &'a str,
    /// Id of the event published for the end, if any.
    pub event: Option<EventId>,
}

impl<'a> EndedBy<'a> {
    /// An end without an event.
    #[must_use]
    pub const fn without_event(token: &'a str) -> Self {
        Self { token, event: None }
    }
}

/// Why a claim was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimDenied {
    /// Until this time the job is not due, or another worker holds its lease.
    NotYet(Time),
    /// The last attempt ended without a result: the job must be failed.
    Exhausted,
    /// The job is finished.
    Done,
}

impl Lease {
    /// Whether `me` holds the lease. A claim that seems denied has then succeeded, and only its
    /// response was lost.
    #[must_use]
    pub fn is_held_by(&self, me: &str) -> bool {
        self.status == Status::Running && self.owner.as_deref() == Some(me)
    }
}

/// Derives from the item that denied a claim at `now` how to continue.
#[must_use]
pub fn claim_denied(lease: &Lease, now: Time) -> ClaimDenied {
    let waits_until = match lease.status {
        _ if lease.status.is_terminal() => return ClaimDenied::Done,
        Status::Running => lease.lease_until,
        _ => lease.due_at,
    };
    match waits_until {
        Some(until) if until > now => ClaimDenied::NotYet(until),
        _ if lease.attempts >= lease.max_attempts => ClaimDenied::Exhausted,
        // The job was claimed and released between the claim and this read: retry immediately.
        _ => ClaimDenied::NotYet(now),
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
                end_event: None,
            })
    }

    proptest! {
        #[test]
        fn a_waiting_job_is_never_given_up_and_a_finished_one_never_taken(
            lease in any_lease(),
            now in 0i64..100,
        ) {
            let now = Time::from_millis(now);
            let refusal = claim_denied(&lease, now);
            prop_assert_eq!(refusal == ClaimDenied::Done, lease.status.is_terminal());
            if refusal == ClaimDenied::Exhausted {
                prop_assert!(lease.attempts >= lease.max_attempts);
                prop_assert!(
                    lease.status != Status::Running
                        || lease.lease_until.is_none_or(|until| until <= now)
                );
            }
            if let ClaimDenied::NotYet(until) = refusal {
                prop_assert!(until >= now);
            }
            prop_assert!(!lease.is_held_by("me") || lease.status == Status::Running);
        }
    }
}
