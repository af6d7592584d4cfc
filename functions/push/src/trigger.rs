//! The function's triggers: WebSocket events of API Gateway, and records of the table's stream.

use std::collections::BTreeSet;

use model::{id::AccountId, push::ConnectionId};
use serde::Deserialize;
use store::account_of_event;

/// What invoked the function.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Event")]
pub enum Trigger {
    /// A WebSocket event
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html>).
    Socket { connection: ConnectionId, event: SocketEvent },
    /// Accounts with new events, from stream records
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>).
    NewEvents { accounts: BTreeSet<AccountId> },
}

#[derive(Debug)]
pub enum SocketEvent {
    Connect {
        /// The ticket from the query string.
        ticket: Option<String>,
    },
    /// A message from the client.
    Message(String),
    Disconnect,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Event {
    Stream {
        #[serde(rename = "Records")]
        records: Vec<Record>,
    },
    #[serde(rename_all = "camelCase")]
    Socket {
        request_context: Context,
        #[serde(default)]
        query_string_parameters: Option<Parameters>,
        #[serde(default)]
        body: Option<String>,
    },
}

#[derive(Deserialize)]
struct Record {
    dynamodb: Change,
}

#[derive(Deserialize)]
struct Change {
    #[serde(rename = "Keys")]
    keys: Keys,
}

#[derive(Deserialize)]
struct Keys {
    pk: Text,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    event_type: Kind,
    connection_id: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Kind {
    Connect,
    Message,
    Disconnect,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    ticket: Option<String>,
}

impl TryFrom<Event> for Trigger {
    type Error = String;

    fn try_from(event: Event) -> Result<Self, String> {
        match event {
            Event::Stream { records } => {
                let partitions = records.iter().map(|record| &record.dynamodb.keys.pk.text);
                let accounts = partitions.filter_map(|partition| account_of_event(partition));
                Ok(Self::NewEvents { accounts: accounts.collect() })
            }
            Event::Socket { request_context, query_string_parameters, body } => {
                let Context { event_type, connection_id } = request_context;
                let connection =
                    connection_id.parse().map_err(|error| format!("connectionId {error}"))?;
                let event = match event_type {
                    Kind::Connect => SocketEvent::Connect {
                        ticket: query_string_parameters.and_then(|parameters| parameters.ticket),
                    },
                    Kind::Message => SocketEvent::Message(body.unwrap_or_default()),
                    Kind::Disconnect => SocketEvent::Disconnect,
                };
                Ok(Self::Socket { connection, event })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_aws_events() {
        let connect = serde_json::from_str(include_str!("../fixtures/connect.json")).unwrap();
        let Trigger::Socket { connection, event: SocketEvent::Connect { ticket } } = connect else {
            panic!("{connect:?}")
        };
        assert_eq!((connection.as_str(), ticket.as_deref()), ("L0SM9cOFvHcCIhw=", Some("abc")));
        let message = serde_json::from_str(include_str!("../fixtures/message.json")).unwrap();
        let Trigger::Socket { event: SocketEvent::Message(text), .. } = message else {
            panic!("{message:?}")
        };
        assert_eq!(text, "{\"action\":\"ping\"}");
        let disconnect = serde_json::from_str(include_str!("../fixtures/disconnect.json")).unwrap();
        assert!(
            matches!(disconnect, Trigger::Socket { event: SocketEvent::Disconnect, .. }),
            "{disconnect:?}"
        );
        let stream = serde_json::from_str(include_str!("../fixtures/stream.json")).unwrap();
        let Trigger::NewEvents { accounts } = stream else { panic!("{stream:?}") };
        let accounts: Vec<_> = accounts.iter().map(ToString::to_string).collect();
        assert_eq!(accounts, ["acc_01kagzwy00e40r2081040g2081"]);
    }

    #[test]
    fn rejects_other_events() {
        for other in ["{}", r#"{"requestContext":{"eventType":"CONNECT","connectionId":"a#b"}}"#] {
            assert!(serde_json::from_str::<Trigger>(other).is_err(), "{other}");
        }
    }
}
