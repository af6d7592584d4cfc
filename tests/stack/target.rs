//! An HTTP target in the test process.

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

/// A scripted HTTP target that records the requests it gets.
#[derive(Clone, Default)]
pub struct Target {
    pub url: String,
    got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    reached: Arc<Notify>,
    concurrency: Arc<Mutex<(usize, usize)>>,
}

/// Counts a request in progress; dropped when it is answered or the client disconnects.
struct RequestGuard(Arc<Mutex<(usize, usize)>>);

impl RequestGuard {
    fn acquire(crowd: &Arc<Mutex<(usize, usize)>>) -> Self {
        let (now, most) = &mut *crowd.lock().unwrap();
        *now += 1;
        *most = (*most).max(*now);
        Self(crowd.clone())
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.lock().unwrap().0 -= 1;
    }
}

type Script = Arc<dyn Fn(usize) -> Response + Send + Sync>;

impl Target {
    /// A target at an address that the test serves itself.
    pub fn at(url: String) -> Self {
        Self { url, ..Self::default() }
    }

    /// Starts a target; `script` maps the request's number, starting at 1, to a response.
    pub async fn start(script: impl Fn(usize) -> Response + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let target = Self::at(url);
        let state = (Arc::new(script) as Script, target.got.clone());
        let router = Router::new().fallback(answer).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await });
        target
    }

    /// Starts a target that never responds.
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

    /// Starts a target that responds after a pause and counts concurrent requests.
    pub async fn slow(pause: Duration) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let target = Self::at(url);
        let (got, crowd) = (target.got.clone(), target.concurrency.clone());
        let answer = async move |headers: HeaderMap, body: Bytes| {
            got.lock().unwrap().push((headers, body));
            let _present = RequestGuard::acquire(&crowd);
            tokio::time::sleep(pause).await;
            StatusCode::OK
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        target
    }

    /// Highest number of concurrent requests, for targets from `slow`.
    pub fn max_concurrent(&self) -> usize {
        self.concurrency.lock().unwrap().1
    }

    /// Waits until a target from `hanging` has received a request.
    pub async fn wait_for_request(&self) {
        self.reached.notified().await;
    }

    /// The requests received.
    pub fn requests(&self) -> Vec<(HeaderMap, Bytes)> {
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

/// A response without a body.
pub fn empty_response(code: u16) -> Response {
    StatusCode::from_u16(code).unwrap().into_response()
}
