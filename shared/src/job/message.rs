use serde::{Deserialize, Serialize};

use super::{By, Job, JobError, Status};
use crate::{
    id::{AccountId, EventId, JobId},
    name::Name,
    time::Time,
};

/// What travels through the queue: ids, never a payload.
///
/// Tagged by version and by what it is about, so that a worker can tell a newer sender's message from a broken one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A job is to be run.
    Job(JobMessage),
    /// A schedule's time has come.
    Schedule(ScheduledRun),
    /// A job has its outcome, or is about to: its callback is due.
    Ended(Ended),
}

/// Which job is to be run. For a kind whose jobs are taken in an order, it is a permit to run one of them, not just this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobMessage {
    /// Whose job it is.
    pub account: AccountId,
    /// Which one.
    pub id: JobId,
    /// Of which kind, so that the worker needs no read to look the kind up.
    pub kind: Name,
    /// Not before this, if it may be delivered earlier: a delay can take several hops.
    #[serde(default, with = "millis", skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// How many of the job's attempts had begun when it was sent. A later attempt has a message of its own: then this one is for any job.
    #[serde(default, skip_serializing_if = "is_none")]
    pub attempts: u32,
    /// Whether nobody would miss it: it was sent in case that another was lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spare: bool,
    /// How often it was put back because there was nothing to do for it yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub looks: u8,
}

/// One occurrence of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledRun {
    /// Which schedule.
    pub name: Name,
    /// For when it was due, as `EventBridge` Scheduler writes it in place of `<aws.scheduler.scheduled-time>`; an emulator may leave
    /// that as it is.
    pub at: String,
}

/// The end of a job of which somebody is to be told: by its `callback_url`, or by an event. It is sent before the end is written, so that no crash can lose it; the token tells
/// whether that end came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Whose job it is.
    pub account: AccountId,
    /// Which one.
    pub id: JobId,
    /// The token of the claim, or of the command, that ends it.
    pub owner: String,
    /// The id under which the end is about to be published as an event. Without one it is the callback that this message is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
    /// How it ended, if the job itself doesn't tell that any more: it was put back since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The job's kind.
    pub kind: Name,
    /// A terminal one.
    pub status: Status,
    /// What went wrong, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
}

impl Ended {
    /// That a job is about to be ended.
    #[must_use]
    pub fn announced(job: &Job, by: By<'_>) -> Self {
        let By { token, event } = by;
        Self { account: job.account, id: job.id, owner: token.to_owned(), event, end: None }
    }

    /// That a job was ended, and is about to be put back.
    #[must_use]
    pub fn overtaken(job: &Job, by: By<'_>) -> Self {
        let end = End { kind: job.kind.clone(), status: job.status, error: job.error.clone() };
        Self { end: Some(end), ..Self::announced(job, by) }
    }
}

impl JobMessage {
    /// The message that sends a job on its way.
    #[must_use]
    pub const fn new(account: AccountId, id: JobId, kind: Name) -> Self {
        Self { account, id, kind, due: None, attempts: 0, spare: false, looks: 0 }
    }
}

impl Message {
    /// Whose it is, as far as the message itself says: the group by which the queue deals fairly.
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

/// A text that is no message.
#[derive(Debug, thiserror::Error)]
pub enum NotAMessage {
    /// It isn't the JSON that messages are.
    #[error("the message is malformed")]
    Malformed,
    /// It is of a version that this worker doesn't know.
    #[error("the message is of the unknown version {0}")]
    Version(u8),
}

const VERSION: u8 = 1;

impl Message {
    /// The message's text.
    #[must_use]
    pub fn encode(&self) -> String {
        let body = match self.clone() {
            Self::Job(job) => Body::Job(job),
            Self::Schedule(run) => Body::Schedule(run),
            Self::Ended(ended) => Body::Ended(ended),
        };
        serde_json::json!(Envelope { v: VERSION, body }).to_string()
    }

    /// Reads a message's text.
    ///
    /// # Errors
    /// When it is none, or of another version.
    pub fn decode(text: &str) -> Result<Self, NotAMessage> {
        #[derive(Deserialize)]
        struct Versioned {
            v: u8,
        }
        let Versioned { v } = serde_json::from_str(text).map_err(|_| NotAMessage::Malformed)?;
        if v != VERSION {
            return Err(NotAMessage::Version(v));
        }
        let Envelope { body, .. } = match serde_json::from_str(text) {
            Ok(envelope) => envelope,
            Err(_) if is_of_another_sort(text) => return Err(NotAMessage::Version(v)),
            Err(_) => return Err(NotAMessage::Malformed),
        };
        Ok(match body {
            Body::Job(job) => Self::Job(job),
            Body::Schedule(run) => Self::Schedule(run),
            Body::Ended(ended) => Self::Ended(ended),
        })
    }
}

/// Whether a message is about something that this worker doesn't know, as a newer sender's may be.
fn is_of_another_sort(text: &str) -> bool {
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
    use crate::{id::mint, job::ErrorCode};
    use proptest::prelude::*;

    fn job(due: Option<i64>, looks: u8) -> Message {
        let (account, id) =
            (mint(Time::from_millis(1), [1; 10]), mint(Time::from_millis(2), [2; 10]));
        let message = JobMessage::new(account, id, "echo".parse().unwrap());
        Message::Job(JobMessage { due: due.map(Time::from_millis), looks, ..message })
    }

    #[test]
    fn are_small_and_versioned() {
        insta::assert_snapshot!(job(None, 0).encode(), @r#"{"job":{"account":"acc_0000000001e40r2081040g2081","id":"job_0000000002e81840g2081040g2","kind":"echo"},"v":1}"#);
        insta::assert_snapshot!(job(Some(7), 2).encode(), @r#"{"job":{"account":"acc_0000000001e40r2081040g2081","due":7,"id":"job_0000000002e81840g2081040g2","kind":"echo","looks":2},"v":1}"#);
    }

    #[test]
    fn survive_their_own_text() {
        let Message::Job(JobMessage { account, id, .. }) = job(None, 0) else { unreachable!() };
        let run =
            ScheduledRun { name: "nightly".parse().unwrap(), at: "2026-11-20T16:00:00Z".into() };
        let mut ended = Job::waiting(id, account, "echo".parse().unwrap(), 8, Time::from_millis(2));
        ended.error = Some(JobError::new(ErrorCode::WorkerCrashed, "why"));
        let announced = Ended::announced(&ended, By::silent("abc"));
        let by = By { token: "abc", event: Some(mint(Time::from_millis(3), [3; 10])) };
        for ended in [announced, Ended::overtaken(&ended, by)] {
            let message = Message::Ended(ended);
            assert_eq!(Message::decode(&message.encode()).unwrap(), message);
        }
        for message in [job(None, 0), job(Some(7), 2), Message::Schedule(run)] {
            assert_eq!(Message::decode(&message.encode()).unwrap(), message);
        }
    }

    #[test]
    fn newer_versions_are_told_from_rubbish() {
        assert!(matches!(
            Message::decode(r#"{"v":2,"what":"ever"}"#),
            Err(NotAMessage::Version(2))
        ));
        assert!(matches!(
            Message::decode(r#"{"v":1,"what":"ever"}"#),
            Err(NotAMessage::Version(1))
        ));
        for rubbish in ["", "{}", "[]", r#"{"v":1}"#, r#"{"v":1,"job":{}}"#, r#"{"v":300}"#] {
            assert!(matches!(Message::decode(rubbish), Err(NotAMessage::Malformed)), "{rubbish}");
        }
    }

    proptest! {
        #[test]
        fn no_text_upsets_it(text: String) {
            prop_assert!(Message::decode(&text).is_err());
        }
    }
}
