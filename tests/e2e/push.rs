//! Events pushed over the template's WebSocket API.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use live_stack::{JOB_TIMEOUT, Stack, stack};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

/// A WebSocket subscriber.
struct Subscriber(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Subscriber {
    async fn connect(stack: &Stack) -> Self {
        let answer = stack.send(Method::POST, "/v1/push/tickets", &[], None).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let part = |name: &str| answer.body[name].as_str().unwrap().to_owned();
        let (socket, _) =
            connect_async(format!("{}?ticket={}", part("url"), part("ticket"))).await.unwrap();
        Self(socket)
    }

    async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn receive(&mut self) -> Value {
        let message =
            timeout(JOB_TIMEOUT, self.0.next()).await.expect("a message").unwrap().unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }

    /// The data of the next events and the cursor after them.
    async fn events(&mut self) -> (Vec<Value>, String) {
        loop {
            let message = self.receive().await;
            match message["type"].as_str().unwrap() {
                "events" => {
                    let events = message["events"].as_array().unwrap();
                    let data = events.iter().map(|event| event["data"].clone()).collect();
                    return (data, message["cursor"].as_str().unwrap().to_owned());
                }
                "more" => self.send(json!({"action": "ping"})).await,
                "pong" => {}
                _ => panic!("{message}"),
            }
        }
    }
}

async fn publish(stack: &Stack, data: Value) {
    let path = format!("/v1/accounts/{}/events", stack.tenant_account);
    let answer = stack.send(Method::POST, &path, &[], Some(json!({"data": data}))).await;
    assert_eq!(answer.status, 202, "{answer:?}");
}

#[tokio::test]
async fn pushes_events_and_resumes_after_a_disconnect() {
    let stack = stack();
    let mark = uuid();
    let mut subscriber = Subscriber::connect(stack).await;
    subscriber.send(json!({"action": "subscribe", "after": "now"})).await;
    assert_eq!(subscriber.receive().await, json!({"type": "subscribed"}));
    let (mut got, mut cursor) = (Vec::new(), String::new());
    let mine = |data: Vec<Value>| {
        data.into_iter().filter(|data| data[0] == json!(mark)).collect::<Vec<_>>()
    };
    for n in 0..5 {
        publish(stack, json!([mark, n])).await;
        while got.len() <= n {
            let (data, behind) = subscriber.events().await;
            got.extend(mine(data));
            cursor = behind;
        }
    }
    drop(subscriber);
    publish(stack, json!([mark, 5])).await;
    let mut subscriber = Subscriber::connect(stack).await;
    subscriber.send(json!({"action": "subscribe", "after": cursor})).await;
    assert_eq!(subscriber.receive().await, json!({"type": "subscribed"}));
    publish(stack, json!([mark, 6])).await;
    while got.len() < 7 {
        got.extend(mine(subscriber.events().await.0));
    }
    assert_eq!(got, (0..7).map(|n| json!([mark, n])).collect::<Vec<_>>());
    subscriber.send(json!({"action": "ping"})).await;
    while subscriber.receive().await["type"] != "pong" {}
}

#[tokio::test]
async fn connection_requires_a_ticket() {
    let answer = stack().send(Method::POST, "/v1/push/tickets", &[], None).await;
    let url = answer.body["url"].as_str().unwrap();
    for query in ["", "?ticket=", "?ticket=dHJhdmVsbGVyLCB0aGVyZSBpcyBubyB0aWNrZXQgaA"] {
        let refused =
            timeout(Duration::from_secs(20), connect_async(format!("{url}{query}"))).await.unwrap();
        assert!(refused.is_err(), "{query}");
    }
}

fn uuid() -> String {
    format!("{:032x}", rand::random::<u128>())
}
