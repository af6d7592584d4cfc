//! An HTTP server that can close a connection without a response, which frameworks don't support.

use axum::body::Body;
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, io, net::SocketAddr};
use tokio::net::TcpListener;

/// Serves requests forever. `None` closes the request's connection.
pub async fn serve<F>(
    listener: TcpListener,
    answer: impl Fn(SocketAddr, Request<Incoming>) -> F + Clone + Send + 'static,
) -> Infallible
where
    F: Future<Output = Option<Response<Body>>> + Send + 'static,
{
    loop {
        // The connection was closed before it was accepted.
        let Ok((stream, peer)) = listener.accept().await else { continue };
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answer = answer(peer, request);
            async { answer.await.ok_or_else(|| io::Error::other("broken off")) }
        });
        // Connections end early on purpose or by the client.
        tokio::spawn(async move {
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await)
        });
    }
}
