//! The whole stack behind a socket, at a URL with a path such as API Gateway's stages have.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use axum::{Router, body::Body, extract::Request, response::Response};
use model::account::Scope;
use sim::{Aws, Service, Stack};
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot, task::LocalSet};
use tower::ServiceExt;

/// A stack with a running worker, until it is dropped. Its API can be stopped and restarted.
pub struct Server {
    pub url: String,
    pub operator: String,
    pub tenant: String,
    /// The simulated AWS, for injecting faults.
    pub aws: Aws,
    address: String,
    service: Service,
    api_runtime: Option<Runtime>,
    _end: oneshot::Sender<()>,
}

impl Server {
    pub fn start() -> Self {
        let (started, is_started) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let run = async {
                let stack = Stack::new().await;
                let operator = stack.create_account_key(&[Scope::Admin]).await;
                let scopes = Scope::ALL
                    .into_iter()
                    .filter(|scope| *scope != Scope::Admin)
                    .collect::<Vec<_>>();
                let tenant = stack.create_account_key(&scopes).await;
                started.send((operator, tenant, stack.service(), stack.aws.clone())).unwrap();
                let working = async {
                    let mut checked = Instant::now();
                    loop {
                        stack.run_worker(Duration::from_secs(1)).await;
                        if checked.elapsed() > Duration::from_secs(1) {
                            // A check may fail where a test injects faults; the next one follows.
                            let _ = stack.check().await;
                            checked = Instant::now();
                        }
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                };
                tokio::select! { () = working => {}, _ = ended => {} }
            };
            LocalSet::new().block_on(&runtime, run);
        });
        let (operator, tenant, service, aws) = is_started.recv().unwrap();
        let address = "127.0.0.1:0".to_owned();
        let mut server = Self {
            url: String::new(),
            operator,
            tenant,
            aws,
            address,
            service,
            api_runtime: None,
            _end: end,
        };
        server.start_api();
        server
    }

    /// Stops the API and closes its connections; the stack keeps running.
    pub fn stop_api(&mut self) {
        self.api_runtime.take().unwrap().shutdown_background();
    }

    /// Restarts the API at the same address.
    pub fn start_api(&mut self) {
        let front = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = front.block_on(TcpListener::bind(&self.address)).unwrap();
        self.address = listener.local_addr().unwrap().to_string();
        self.url = format!("http://{}/stages/live", self.address);
        front.spawn(axum::serve(listener, routes(self.service.clone())).into_future());
        self.api_runtime = Some(front);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Dropping a runtime in place would wait for its tasks.
        if let Some(front) = self.api_runtime.take() {
            front.shutdown_background();
        }
    }
}

fn routes(service: Service) -> Router {
    let serve = move |request: Request| {
        let function = service.function(request.method(), request.uri().path());
        function.oneshot(request)
    };
    let api: Router = Router::new().fallback(serve);
    let unknown = || async {
        Response::builder().status(404).body(Body::from(r#"{"message":"Not Found"}"#)).unwrap()
    };
    Router::new().nest("/stages/live", api).fallback(unknown)
}
