//! The whole stack in a thread, behind a socket, at an address with a path such as API Gateway's stages have.

use std::{sync::mpsc, thread, time::Duration};

use axum::{Router, body::Body, extract::Request, response::Response};
use shared::account::Scope;
use sim::{Aws, Service, Stack};
use tokio::{net::TcpListener, sync::oneshot, task::LocalSet};
use tower::ServiceExt;

/// A stack whose worker works, until it is dropped.
pub struct Server {
    pub url: String,
    pub operator: String,
    pub tenant: String,
    /// What the stack runs on, to have it fail.
    pub aws: Aws,
    _end: oneshot::Sender<()>,
}

impl Server {
    /// One of this test's own.
    pub fn start() -> Self {
        let (started, is_started) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let run = async {
                let stack = Stack::new().await;
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let url = format!("http://{}/stages/live", listener.local_addr().unwrap());
                let operator = stack.another_key(&[Scope::Admin]).await;
                let tenant = stack.another_key(&[Scope::JobsRead, Scope::JobsWrite]).await;
                let server = axum::serve(listener, routes(stack.service())).into_future();
                started.send((url, operator, tenant, stack.aws.clone())).unwrap();
                let working = async {
                    loop {
                        stack.work(Duration::from_secs(1)).await;
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                };
                tokio::select! { _ = server => {}, () = working => {}, _ = ended => {} }
            };
            LocalSet::new().block_on(&runtime, run);
        });
        let (url, operator, tenant, aws) = is_started.recv().unwrap();
        Self { url, operator, tenant, aws, _end: end }
    }
}

fn routes(service: Service) -> Router {
    let serve = move |request: Request| {
        let function = service.function(request.method());
        async move { function.oneshot(request).await.unwrap_or_else(|never| match never {}) }
    };
    let api: Router = Router::new().fallback(serve);
    let unknown =
        || async { Response::builder().status(404).body(Body::from(r#"{"message":"Not Found"}"#)).unwrap() };
    Router::new().nest("/stages/live", api).fallback(unknown)
}
