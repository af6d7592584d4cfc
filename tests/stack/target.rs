//! A target in the test's own process.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use tokio::sync::Notify;

/// A target that answers from a script, the last answer for ever, and remembers what it got.
#[derive(Clone, Default)]
pub struct Target {
    /// Its address.
    pub url: String,
    got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    reached: Arc<Notify>,
    crowd: Arc<Mutex<(usize, usize)>>,
}

/// A request that is being answered; one whose client goes away leaves too.
struct Present(Arc<Mutex<(usize, usize)>>);

impl Present {
    fn enter(crowd: &Arc<Mutex<(usize, usize)>>) -> Self {
        let (now, most) = &mut *crowd.lock().unwrap();
        *now += 1;
        *most = (*most).max(*now);
        Self(crowd.clone())
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.lock().unwrap().0 -= 1;
    }
}

type Script = Arc<dyn Fn(usize) -> Response + Send + Sync>;

impl Target {
    /// An address at which a test does something of its own.
    pub fn at(url: String) -> Self {
        Self { url, ..Self::default() }
    }

    /// One that runs.
    pub async fn start(script: impl Fn(usize) -> Response + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let target = Self::at(url);
        let state = (Arc::new(script) as Script, target.got.clone());
        let router = Router::new().fallback(answer).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await });
        target
    }

    /// One that never answers.
    pub async fn hanging() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let target = Self::at(url);
        let (got, reached) = (target.got.clone(), target.reached.clone());
        let hang = async move |headers: HeaderMap, body: Bytes| {
            got.lock().unwrap().push((headers, body));
            reached.notify_one();
            std::future::pending::<StatusCode>().await
        };
        let router = Router::new().fallback(hang);
        tokio::spawn(async move { axum::serve(listener, router).await });
        target
    }

    /// One that takes a while, and knows how many it had at once.
    pub async fn slow(pause: Duration) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let target = Self::at(url);
        let (got, crowd) = (target.got.clone(), target.crowd.clone());
        let answer = async move |headers: HeaderMap, body: Bytes| {
            got.lock().unwrap().push((headers, body));
            let _present = Present::enter(&crowd);
            tokio::time::sleep(pause).await;
            StatusCode::OK
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        target
    }

    /// The most that a slow one had at once.
    pub fn most_at_once(&self) -> usize {
        self.crowd.lock().unwrap().1
    }

    /// Once a hanging one has been asked.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// What it was sent.
    pub fn got(&self) -> Vec<(HeaderMap, Bytes)> {
        self.got.lock().unwrap().clone()
    }
}

type Shared = (Script, Arc<Mutex<Vec<(HeaderMap, Bytes)>>>);

async fn answer(State((script, got)): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let nth = {
        let mut got = got.lock().unwrap();
        got.push((headers, body));
        got.len()
    };
    script(nth)
}

/// An answer without a body.
pub fn status(code: u16) -> Response {
    StatusCode::from_u16(code).unwrap().into_response()
}
