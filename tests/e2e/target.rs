//! A scripted HTTP target in the test's process.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use tokio::{net::TcpListener, sync::watch};

/// Response to the n-th request, starting at 1.
#[derive(Clone, Copy, Debug)]
pub enum Behavior {
    /// Responds with a status.
    Answer(u16),
    /// Responds with the request's body.
    Echo,
    /// Never responds.
    Hang,
}

#[derive(Clone, Debug)]
pub struct Request {
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Debug)]
pub struct Target {
    pub url: String,
    got: watch::Receiver<Vec<Request>>,
}

type Script = Arc<dyn Fn(usize) -> Behavior + Send + Sync>;

impl Target {
    pub async fn start(script: impl Fn(usize) -> Behavior + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let (send, got) = watch::channel(Vec::new());
        let router =
            Router::new().fallback(act).with_state((Arc::new(script) as Script, Arc::new(send)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, got }
    }

    /// Requests received so far.
    pub fn requests(&self) -> Vec<Request> {
        self.got.borrow().clone()
    }

    /// Waits until it received `count` requests.
    pub async fn wait_for_requests(&mut self, count: usize, patience: Duration) {
        let enough = self.got.wait_for(|got| got.len() >= count);
        tokio::time::timeout(patience, enough)
            .await
            .unwrap_or_else(|_| panic!("no request arrived in time"))
            .unwrap();
    }
}

async fn act(
    State((script, got)): State<(Script, Arc<watch::Sender<Vec<Request>>>)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut nth = 0;
    got.send_modify(|got| {
        got.push(Request { headers, body: body.clone() });
        nth = got.len();
    });
    match script(nth) {
        Behavior::Answer(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Behavior::Echo => body.into_response(),
        Behavior::Hang => std::future::pending().await,
    }
}
