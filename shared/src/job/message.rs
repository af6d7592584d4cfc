use serde::{Deserialize, Serialize};

use crate::{
    id::{AccountId, JobId},
    name::Name,
};

/// What travels through the queue: which job, never its payload.
///
/// Tagged by version, so that a worker can tell a newer sender's message from a broken one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whose job it is.
    pub account: AccountId,
    /// Which one.
    pub id: JobId,
    /// Of which kind, so that the worker needs no read to look the kind up.
    pub kind: Name,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    v: u8,
    job: Body,
}

#[derive(Serialize, Deserialize)]
struct Body {
    account: AccountId,
    id: JobId,
    kind: Name,
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
        let Self { account, id, kind } = self.clone();
        serde_json::json!(Envelope { v: VERSION, job: Body { account, id, kind } }).to_string()
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
        let Envelope { job: Body { account, id, kind }, .. } =
            serde_json::from_str(text).map_err(|_| NotAMessage::Malformed)?;
        Ok(Self { account, id, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::mint, time::Time};
    use proptest::prelude::*;

    #[test]
    fn names_the_job_and_no_more() {
        let message = Message {
            account: mint(Time::from_millis(1), [1; 10]),
            id: mint(Time::from_millis(2), [2; 10]),
            kind: "echo".parse().unwrap(),
        };
        insta::assert_snapshot!(message.encode(), @r#"{"job":{"account":"acc_0000000001e40r2081040g2081","id":"job_0000000002e81840g2081040g2","kind":"echo"},"v":1}"#);
        assert_eq!(Message::decode(&message.encode()).unwrap(), message);
    }

    #[test]
    fn another_version_is_told_from_a_broken_message() {
        assert!(matches!(Message::decode(r#"{"v":2,"jobs":[]}"#), Err(NotAMessage::Version(2))));
        assert!(matches!(Message::decode(r#"{"v":1,"job":{}}"#), Err(NotAMessage::Malformed)));
    }

    proptest! {
        #[test]
        fn no_text_upsets_it(text: String) {
            let _ = Message::decode(&text);
        }
    }
}
