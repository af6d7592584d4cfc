//! SES: an outbox, and addresses that refuse mail.

use crate::{ledger::Line, service_response::ServiceResponse};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard},
};

/// Prefix of its paths.
pub(crate) const PREFIX: &str = "/v2/email/";

#[derive(Debug, Default)]
pub(crate) struct Ses(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    outbox: Vec<Value>,
    refused: BTreeSet<String>,
    suppressed: BTreeSet<String>,
}

pub(crate) fn operation_of(path: &str) -> &'static str {
    match &path[PREFIX.len()..] {
        "outbound-emails" => "SendEmail",
        other if other.starts_with("suppression/addresses/") => "GetSuppressedDestination",
        other => panic!("the sim's SES has no {other}"),
    }
}

/// Merges a request's path and body into one JSON object.
pub(crate) fn request_of(uri: &str, body: &[u8]) -> Value {
    if !body.is_empty() {
        return serde_json::from_slice(body).unwrap();
    }
    let address = uri.rsplit('/').next().unwrap().split('?').next().unwrap();
    json!({"EmailAddress": address.replace("%40", "@")})
}

impl Ses {
    /// Handles a request.
    pub(crate) fn call(&self, operation: &str, request: &Value) -> (ServiceResponse, Line) {
        let answer = match operation {
            "SendEmail" => self.send(request),
            _ => self.suppressed(request["EmailAddress"].as_str().unwrap()),
        };
        (answer, Line { calls: 1, ..Line::default() })
    }

    fn send(&self, request: &Value) -> ServiceResponse {
        let to = &request["Destination"]["ToAddresses"];
        let mut state = self.lock();
        let addresses: Vec<_> =
            to.as_array().unwrap().iter().map(|to| to.as_str().unwrap()).collect();
        if let Some(refused) = addresses.iter().find(|to| state.refused.contains(**to)) {
            let message = format!(
                "Email address is not verified. \
                 The following identities failed the check: {refused}"
            );
            return ServiceResponse::error("MessageRejected", &message);
        }
        let simple = &request["Content"]["Simple"];
        state.outbox.push(json!({
            "To": addresses.join(", "),
            "From": request["FromEmailAddress"],
            "Subject": simple["Subject"]["Data"],
            "Text": simple["Body"]["Text"]["Data"],
            "Html": simple["Body"]["Html"]["Data"],
        }));
        ServiceResponse::ok(json!({"MessageId": state.outbox.len().to_string()}))
    }

    fn suppressed(&self, address: &str) -> ServiceResponse {
        if !self.lock().suppressed.contains(address) {
            return ServiceResponse {
                status: 404,
                ..ServiceResponse::error("NotFoundException", "Email address does not exist.")
            };
        }
        ServiceResponse::ok(json!({"SuppressedDestination": {
            "EmailAddress": address,
            "Reason": "BOUNCE",
            "LastUpdateTime": 1_795_190_400,
        }}))
    }

    pub(crate) fn outbox(&self) -> Vec<Value> {
        self.lock().outbox.clone()
    }

    pub(crate) fn refuse(&self, address: &str, refused: bool) {
        set(&mut self.lock().refused, address, refused);
    }

    pub(crate) fn suppress(&self, address: &str, suppressed: bool) {
        set(&mut self.lock().suppressed, address, suppressed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

fn set(addresses: &mut BTreeSet<String>, address: &str, is_in: bool) {
    if is_in {
        addresses.insert(address.to_owned());
    } else {
        addresses.remove(address);
    }
}
