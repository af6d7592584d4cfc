//! The network that targets and pages of metrics are on: a router in the process.

use axum::{Router, body::Body};
use http::Response;
use shared::outbound::{Exchange, Outbound};
use tower::ServiceExt;

/// Makes an answer one that never arrives whole: whoever asked is told that the exchange broke off. A response's extension.
#[derive(Clone, Copy, Debug)]
pub struct BrokenOff;

/// The way to every address there is: one router answers for all of them, without a socket.
pub fn network(router: Router) -> Outbound {
    Outbound::new(true).over(move |request| exchange(router.clone(), request))
}

fn exchange(router: Router, request: reqwest::Request) -> Exchange {
    Box::pin(async move {
        let mut asked =
            http::Request::builder().method(request.method().clone()).uri(request.url().as_str());
        asked.headers_mut().unwrap().extend(request.headers().clone());
        let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default().to_vec();
        let response = router.oneshot(asked.body(Body::from(body)).unwrap()).await.unwrap();
        if response.extensions().get::<BrokenOff>().is_some() {
            return Err(broken_off());
        }
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Ok(Response::from_parts(parts, bytes).into())
    })
}

/// Errors of the client can't be made, only had: here from an address that is none.
fn broken_off() -> reqwest::Error {
    reqwest::Client::new().get("http://[").build().unwrap_err()
}
