//! A server on this machine that can break off, which frameworks keep to themselves.

use axum::body::Body;
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, io, net::SocketAddr};
use tokio::net::TcpListener;

/// Takes requests for ever. One for which there is no answer has its connection closed.
pub async fn serve<F>(
    listener: TcpListener,
    answer: impl Fn(SocketAddr, Request<Incoming>) -> F + Clone + Send + 'static,
) -> Infallible
where
    F: Future<Output = Option<Response<Body>>> + Send + 'static,
{
    loop {
        // One that is gone before it was taken.
        let Ok((stream, peer)) = listener.accept().await else { continue };
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answer = answer(peer, request);
            async { answer.await.ok_or_else(|| io::Error::other("broken off")) }
        });
        // What ends a connection early is meant, or the client's own doing.
        tokio::spawn(async move {
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await)
        });
    }
}
