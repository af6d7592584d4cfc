use serde::{Deserialize, Serialize};

use super::{EndedBy, Job, JobError, Status};
use crate::{
    id::{AccountId, EventId, JobId},
    name::Name,
    time::Time,
};

/// A queue message: ids, never a payload.
///
/// Tagged with a version and a type, so that a worker can distinguish a newer sender's message from
/// a malformed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Run a job.
    Job(JobMessage),
    /// A schedule fired.
    Schedule(ScheduledRun),
    /// A job has ended or is about to: send its callback or publish its event.
    Ended(Ended),
}

/// The job to run. For a kind with an order: a permit to run any one of its ready jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobMessage {
    pub account: AccountId,
    pub id: JobId,
    /// Spares the worker a read of the job before it looks up the kind.
    pub kind: Name,
    /// Earliest start. The message may be delivered before it, because a long delay takes several
    /// hops.
    #[serde(default, with = "millis", skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// Number of attempts started when the message was sent. A later attempt has its own message;
    /// this one may then run any job.
    #[serde(default, skip_serializing_if = "is_none")]
    pub attempts: u32,
    /// Sent in case another message was lost, so that it can be dropped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spare: bool,
    /// How often the message was requeued because there was nothing to run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub looks: u8,
}

/// One occurrence of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledRun {
    pub name: Name,
    /// The scheduled time, which `EventBridge` Scheduler substitutes for
    /// `<aws.scheduler.scheduled-time>`. Some emulators leave the placeholder.
    pub at: String,
}

/// The end of a job, to be announced by its `callback_url` or by an event. The message is sent
/// before the end is written, so that no crash loses it. The token shows whether the write
/// succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub account: AccountId,
    pub id: JobId,
    /// Token of the claim or command that ends the job.
    pub owner: String,
    /// Id of the event to publish for the end. Without one, the message is for the callback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
    /// How the job ended, if the job no longer shows it because it was requeued since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    pub kind: Name,
    /// A terminal status.
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
}

impl Ended {
    /// For a job that is about to end.
    #[must_use]
    pub fn before_end(job: &Job, by: EndedBy<'_>) -> Self {
        let EndedBy { token, event } = by;
        Self { account: job.account, id: job.id, owner: token.to_owned(), event, end: None }
    }

    /// For a job that has ended and is about to be requeued.
    #[must_use]
    pub fn before_requeue(job: &Job, by: EndedBy<'_>) -> Self {
        let end = End { kind: job.kind.clone(), status: job.status, error: job.error.clone() };
        Self { end: Some(end), ..Self::before_end(job, by) }
    }
}

impl JobMessage {
    #[must_use]
    pub const fn new(account: AccountId, id: JobId, kind: Name) -> Self {
        Self { account, id, kind, due: None, attempts: 0, spare: false, looks: 0 }
    }
}

impl Message {
    /// The account, which is the queue's message group for fair scheduling (SQS fair queues). A
    /// schedule's message has none.
    #[must_use]
    pub const fn account(&self) -> Option<AccountId> {
        match self {
            Self::Job(JobMessage { account, .. }) | Self::Ended(Ended { account, .. }) => {
                Some(*account)
            }
            Self::Schedule(_) => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    v: u8,
    #[serde(flatten)]
    body: Body,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Job(JobMessage),
    Schedule(ScheduledRun),
    Ended(Ended),
}

#[derive(Debug, thiserror::Error)]
pub enum InvalidMessage {
    /// Not the JSON of a message.
    #[error("malformed message")]
    Malformed,
    /// Sent in a version that this worker does not support.
    #[error("unknown message version {0}")]
    Version(u8),
}

const VERSION: u8 = 1;

impl Message {
    /// The message body as JSON.
    #[must_use]
    pub fn encode(&self) -> String {
        let body = match self.clone() {
            Self::Job(job) => Body::Job(job),
            Self::Schedule(run) => Body::Schedule(run),
            Self::Ended(ended) => Body::Ended(ended),
        };
        serde_json::json!(Envelope { v: VERSION, body }).to_string()
    }

    /// Parses a message body.
    ///
    /// # Errors
    /// If the body is malformed or of another version.
    pub fn decode(text: &str) -> Result<Self, InvalidMessage> {
        #[derive(Deserialize)]
        struct Versioned {
            v: u8,
        }
        let Versioned { v } = serde_json::from_str(text).map_err(|_| InvalidMessage::Malformed)?;
        if v != VERSION {
            return Err(InvalidMessage::Version(v));
        }
        let Envelope { body, .. } = match serde_json::from_str(text) {
            Ok(envelope) => envelope,
            Err(_) if has_unknown_type(text) => return Err(InvalidMessage::Version(v)),
            Err(_) => return Err(InvalidMessage::Malformed),
        };
        Ok(match body {
            Body::Job(job) => Self::Job(job),
            Body::Schedule(run) => Self::Schedule(run),
            Body::Ended(ended) => Self::Ended(ended),
        })
    }
}

/// Whether the message is of an unknown type, as a newer sender's may be.
fn has_unknown_type(text: &str) -> bool {
    let members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).unwrap_or_default();
    members.len() == 2
        && !members.keys().any(|name| ["job", "schedule", "ended"].contains(&name.as_str()))
}

fn is_none(attempts: &u32) -> bool {
    *attempts == 0
}

fn is_zero(looks: &u8) -> bool {
    *looks == 0
}

mod millis {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::time::Time;

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub fn serialize<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
        time.map(Time::millis).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Time>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(Time::from_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::generate, job::ErrorCode};
    use proptest::prelude::*;

    fn job(due: Option<i64>, looks: u8) -> Message {
        let (account, id) =
            (generate(Time::from_millis(1), [1; 10]), generate(Time::from_millis(2), [2; 10]));
        let message = JobMessage::new(account, id, "echo".parse().unwrap());
        Message::Job(JobMessage { due: due.map(Time::from_millis), looks, ..message })
    }

    #[test]
    fn encodes_compact_versioned_json() {
        insta::assert_snapshot!(job(None, 0).encode(), @r#"{"job":{"account":"acc_0000000001e40r2081040g2081","id":"job_0000000002e81840g2081040g2","kind":"echo"},"v":1}"#);
        insta::assert_snapshot!(job(Some(7), 2).encode(), @r#"{"job":{"account":"acc_0000000001e40r2081040g2081","due":7,"id":"job_0000000002e81840g2081040g2","kind":"echo","looks":2},"v":1}"#);
    }

    #[test]
    fn encoding_round_trips() {
        let Message::Job(JobMessage { account, id, .. }) = job(None, 0) else { unreachable!() };
        let run =
            ScheduledRun { name: "nightly".parse().unwrap(), at: "2026-11-20T16:00:00Z".into() };
        let mut ended = Job::queued(id, account, "echo".parse().unwrap(), 8, Time::from_millis(2));
        ended.error = Some(JobError::new(ErrorCode::WorkerCrashed, "why"));
        let announced = Ended::before_end(&ended, EndedBy::without_event("abc"));
        let by = EndedBy { token: "abc", event: Some(generate(Time::from_millis(3), [3; 10])) };
        for ended in [announced, Ended::before_requeue(&ended, by)] {
            let message = Message::Ended(ended);
            assert_eq!(Message::decode(&message.encode()).unwrap(), message);
        }
        for message in [job(None, 0), job(Some(7), 2), Message::Schedule(run)] {
            assert_eq!(Message::decode(&message.encode()).unwrap(), message);
        }
    }

    #[test]
    fn distinguishes_newer_versions_from_malformed_messages() {
        assert!(matches!(
            Message::decode(r#"{"v":2,"what":"ever"}"#),
            Err(InvalidMessage::Version(2))
        ));
        assert!(matches!(
            Message::decode(r#"{"v":1,"what":"ever"}"#),
            Err(InvalidMessage::Version(1))
        ));
        for rubbish in ["", "{}", "[]", r#"{"v":1}"#, r#"{"v":1,"job":{}}"#, r#"{"v":300}"#] {
            assert!(
                matches!(Message::decode(rubbish), Err(InvalidMessage::Malformed)),
                "{rubbish}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_upsets_it(text: String) {
            prop_assert!(Message::decode(&text).is_err());
        }
    }
}
