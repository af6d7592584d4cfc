//! The network of targets and Prometheus pages: an in-process router.

use axum::{Router, body::Body};
use http::Response;
use outbound::{Outbound, PendingResponse};
use tower::ServiceExt;

/// Response extension that aborts the body: the client gets a connection error.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionAborted;

/// An HTTP client whose requests to any address go to one router, without a socket.
pub fn network(router: Router) -> Outbound {
    Outbound::new(true).with_network(move |request| exchange(router.clone(), request))
}

fn exchange(router: Router, request: reqwest::Request) -> PendingResponse {
    Box::pin(async move {
        let mut asked =
            http::Request::builder().method(request.method().clone()).uri(request.url().as_str());
        asked.headers_mut().unwrap().extend(request.headers().clone());
        let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default().to_vec();
        let response = router.oneshot(asked.body(Body::from(body)).unwrap()).await.unwrap();
        if response.extensions().get::<ConnectionAborted>().is_some() {
            return Err(connection_error());
        }
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Ok(Response::from_parts(parts, bytes).into())
    })
}

/// `reqwest::Error` has no constructor. A request to an invalid address yields one.
fn connection_error() -> reqwest::Error {
    reqwest::Client::new().get("http://[").build().unwrap_err()
}
