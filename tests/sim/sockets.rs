//! The gateway that holds connections: who is connected, and what was sent there.

use crate::{answer::Answer, ledger::Line};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Mutex};

/// What names a connection in an address of the gateway's.
pub(crate) const PATH: &str = "/@connections/";

/// A request's operation.
pub(crate) fn operation_of(request: &HttpRequest) -> &'static str {
    if request.method() == "POST" { "PostToConnection" } else { "DeleteConnection" }
}

/// A request's address and body in one.
pub(crate) fn request_of(uri: &str, body: &[u8]) -> Value {
    let (_, id) = uri.split_once(PATH).unwrap();
    // The id is escaped in the address.
    let id = id.replace("%3D", "=");
    if body.is_empty() {
        return json!({"ConnectionId": id});
    }
    json!({"ConnectionId": id, "Data": String::from_utf8_lossy(body)})
}

/// The most that one message holds.
const MOST_BYTES: usize = 128 * 1000;

/// All connections of an account.
#[derive(Debug, Default)]
pub(crate) struct Sockets(Mutex<HashMap<String, Vec<Value>>>);

impl Sockets {
    /// Somebody connects.
    pub(crate) fn open(&self, id: &str) {
        self.0.lock().unwrap().insert(id.to_owned(), Vec::new());
    }

    /// Whether somebody is connected.
    pub(crate) fn is_open(&self, id: &str) -> bool {
        self.0.lock().unwrap().contains_key(id)
    }

    /// What was sent to a connection since this was asked last.
    pub(crate) fn take(&self, id: &str) -> Vec<Value> {
        self.0.lock().unwrap().get_mut(id).map(std::mem::take).unwrap_or_default()
    }

    /// Somebody leaves, or is cut off.
    pub(crate) fn close(&self, id: &str) {
        self.0.lock().unwrap().remove(id);
    }

    /// Does what a request asks; `request` has `ConnectionId`, and the `Data` to post.
    pub(crate) fn call(&self, operation: &str, request: &Value) -> (Answer, Line) {
        let mut connections = self.0.lock().unwrap();
        let id = request["ConnectionId"].as_str().unwrap();
        let answer = match (operation, connections.get_mut(id)) {
            (_, None) => Answer { status: 410, ..Answer::refused("GoneException", "") },
            ("PostToConnection", Some(inbox)) => {
                let message = request["Data"].as_str().unwrap();
                if message.len() > MOST_BYTES {
                    Answer { status: 413, ..Answer::refused("PayloadTooLargeException", "") }
                } else {
                    inbox.push(serde_json::from_str(message).unwrap());
                    Answer::ok(json!({}))
                }
            }
            ("DeleteConnection", Some(_)) => {
                connections.remove(id);
                Answer::ok(json!({}))
            }
            (other, _) => panic!("the sim's gateway has no {other}"),
        };
        (answer, Line { calls: 1, ..Line::default() })
    }
}
