//! API Gateway's WebSocket connections and the messages sent to them.

use crate::{ledger::Line, service_response::ServiceResponse};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Mutex};

/// The part of a path before a connection id.
pub(crate) const PATH: &str = "/@connections/";

pub(crate) fn operation_of(request: &HttpRequest) -> &'static str {
    if request.method() == "POST" { "PostToConnection" } else { "DeleteConnection" }
}

/// Merges a request's path and body into one JSON object.
pub(crate) fn request_of(uri: &str, body: &[u8]) -> Value {
    let (_, id) = uri.split_once(PATH).unwrap();
    // The path contains the id percent-encoded.
    let id = id.replace("%3D", "=");
    if body.is_empty() {
        return json!({"ConnectionId": id});
    }
    json!({"ConnectionId": id, "Data": String::from_utf8_lossy(body)})
}

/// Maximum message size in bytes.
const MAX_MESSAGE_BYTES: usize = 128 * 1000;

/// All connections of an account.
#[derive(Debug, Default)]
pub(crate) struct Sockets(Mutex<HashMap<String, Vec<Value>>>);

impl Sockets {
    pub(crate) fn open(&self, id: &str) {
        self.0.lock().unwrap().insert(id.to_owned(), Vec::new());
    }

    pub(crate) fn is_open(&self, id: &str) -> bool {
        self.0.lock().unwrap().contains_key(id)
    }

    /// Messages sent to a connection since the last call.
    pub(crate) fn take(&self, id: &str) -> Vec<Value> {
        self.0.lock().unwrap().get_mut(id).map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn close(&self, id: &str) {
        self.0.lock().unwrap().remove(id);
    }

    /// Handles a request with `ConnectionId`, and `Data` if it posts.
    pub(crate) fn call(&self, operation: &str, request: &Value) -> (ServiceResponse, Line) {
        let mut connections = self.0.lock().unwrap();
        let id = request["ConnectionId"].as_str().unwrap();
        let answer = match (operation, connections.get_mut(id)) {
            (_, None) => {
                ServiceResponse { status: 410, ..ServiceResponse::error("GoneException", "") }
            }
            ("PostToConnection", Some(inbox)) => {
                let message = request["Data"].as_str().unwrap();
                if message.len() > MAX_MESSAGE_BYTES {
                    ServiceResponse {
                        status: 413,
                        ..ServiceResponse::error("PayloadTooLargeException", "")
                    }
                } else {
                    inbox.push(serde_json::from_str(message).unwrap());
                    ServiceResponse::ok(json!({}))
                }
            }
            ("DeleteConnection", Some(_)) => {
                connections.remove(id);
                ServiceResponse::ok(json!({}))
            }
            (other, _) => panic!("the sim's gateway has no {other}"),
        };
        (answer, Line { calls: 1, ..Line::default() })
    }
}
