//! The receivers in `docs/callbacks.md`, each started by the command in its first line. They accept
//! a real callback and reject forged ones.

use std::{path::Path, process::Stdio};

use live_stack::{JOB_TIMEOUT, stack};
use model::time::Time;
use reqwest::{Client, Method};
use serde_json::json;
use standardwebhooks::Webhook;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};
use uuid::Uuid;

use crate::crash::without_kills;

/// A message and how it is signed.
#[derive(Clone, Copy)]
struct SignedMessage<'a> {
    secret: &'a str,
    body: &'a str,
    /// Age in seconds.
    age: i64,
}

/// A running receiver.
struct Receiver {
    url: String,
    output: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Receiver {
    /// Starts a receiver. `None` if its language isn't installed; in CI that is a failure.
    async fn start(command: &[&str], secret: &str) -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/receivers");
        let mut started = Command::new(command[0]);
        started.args(&command[1..]).arg("0").current_dir(folder).env("WEBHOOK_SECRET", secret);
        let mut process = match started.stdout(Stdio::piped()).kill_on_drop(true).spawn() {
            Ok(process) => process,
            Err(error) if std::env::var_os("CI").is_none() => {
                println!("! {} is skipped: {error}", command[0]);
                return None;
            }
            Err(error) => panic!("{}: {error}", command[0]),
        };
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        let line =
            tokio::time::timeout(JOB_TIMEOUT, said.next_line()).await.unwrap().unwrap().unwrap();
        let url = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).to_owned();
        Some(Self { url, output: said, _process: process })
    }

    /// The next message it accepted.
    async fn next_accepted(&mut self) -> String {
        tokio::time::timeout(JOB_TIMEOUT, self.output.next_line()).await.unwrap().unwrap().unwrap()
    }

    /// Sends a message as Tollgate does and returns the response status.
    async fn send(&self, id: &str, timestamp: i64, signature: &str, body: &str) -> u16 {
        let request = Client::new().post(&self.url).header("webhook-id", id);
        let request =
            request.header("webhook-timestamp", timestamp).header("webhook-signature", signature);
        request.body(body.to_owned()).send().await.unwrap().status().as_u16()
    }

    async fn send_signed(&self, id: &str, forged: SignedMessage<'_>, sent: &str) -> u16 {
        let (timestamp, signature) = signed(id, &forged);
        self.send(id, timestamp, &signature, sent).await
    }
}

fn signed(id: &str, forged: &SignedMessage<'_>) -> (i64, String) {
    let timestamp = now().millis() / 1000 - forged.age;
    let signature =
        Webhook::new(forged.secret).unwrap().sign(id, timestamp, forged.body.as_bytes()).unwrap();
    (timestamp, signature)
}

fn now() -> Time {
    runtime::clock::Clock::system().now()
}

async fn test_receiver(command: &[&str]) {
    let (_quiet, stack) = (without_kills().await, stack());
    let path = format!("/v1/accounts/{}/webhook-secrets", stack.tenant_account);
    let secrets = stack.send(Method::GET, &path, &[], None).await;
    let secret = secrets.body["items"][0]["secret"].as_str().unwrap();
    let Some(mut receiver) = Receiver::start(command, secret).await else { return };

    let body = json!({"kind": "echo", "payload": {"n": 1}, "callback_url": receiver.url});
    let job = stack.send(Method::POST, "/v1/jobs", &[], Some(body)).await.id();
    assert_eq!(receiver.next_accepted().await, format!("{job} completed"));

    let (id, body) = (Uuid::new_v4().to_string(), r#"{"id":"one","status":"failed"}"#);
    let genuine = SignedMessage { secret, body, age: 0 };
    rejects_forged_messages(&receiver, &id, genuine).await;
    // During a rotation there are two secrets, and thus two signatures. A repeated message is
    // handled once.
    let (timestamp, good) = signed(&id, &genuine);
    for _ in 0..2 {
        assert_eq!(receiver.send(&id, timestamp, &format!("v1,AAAA {good}"), body).await, 200);
    }
    // A message that the receiver can't handle fails and must be sent again.
    let (nonsense, unsound) = (Uuid::new_v4().to_string(), "no JSON");
    for _ in 0..2 {
        let forged = SignedMessage { body: unsound, ..genuine };
        assert_eq!(receiver.send_signed(&nonsense, forged, unsound).await, 500);
    }
    let last = r#"{"id":"three","status":"cancelled"}"#;
    let fresh = SignedMessage { body: last, ..genuine };
    assert_eq!(receiver.send_signed(&Uuid::new_v4().to_string(), fresh, last).await, 200);
    assert_eq!(
        [receiver.next_accepted().await, receiver.next_accepted().await],
        ["one failed", "three cancelled"]
    );
}

async fn rejects_forged_messages(receiver: &Receiver, id: &str, genuine: SignedMessage<'_>) {
    let body = genuine.body;
    let (altered, other) =
        (r#"{"id":"two","status":"failed"}"#, "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldCE=");
    for (forged, sent, why) in [
        (genuine, altered, "altered"),
        (SignedMessage { age: 600, ..genuine }, body, "old"),
        (SignedMessage { age: -600, ..genuine }, body, "of the future"),
        (SignedMessage { secret: other, ..genuine }, body, "by another"),
    ] {
        assert_eq!(receiver.send_signed(id, forged, sent).await, 401, "{why}");
    }
    let (timestamp, good) = signed(id, &genuine);
    assert_eq!(receiver.send("job_other", timestamp, &good, body).await, 401, "another's id");
    assert_eq!(receiver.send(id, timestamp, "", body).await, 401, "unsigned");
    let other_scheme = good.replace("v1,", "v2,");
    assert_eq!(receiver.send(id, timestamp, &other_scheme, body).await, 401, "another scheme");
}

#[tokio::test]
async fn python_receiver() {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    test_receiver(&[&python, "receiver.py"]).await;
}

#[tokio::test]
async fn javascript_receiver() {
    test_receiver(&["node", "receiver.mjs"]).await;
}

#[tokio::test]
async fn go_receiver() {
    test_receiver(&["go", "run", "receiver.go"]).await;
}
