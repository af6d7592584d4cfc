//! A proxy between the functions and the emulator: it checks each call against the function's
//! policy and injects faults.

use crate::{
    functions::{FUNCTIONS, Functions},
    kills::{Kills, Moment},
    log::{Log, MailStep},
    processes, server,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use axum::body::{Body, Bytes};
use http::{Request, Response, request::Parts};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use sim::{AwsRequest, Fault, Faults, Seed};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::net::TcpListener;
use workload::plan;

/// Clones are handles to the same proxy.
#[derive(Clone)]
pub struct Proxy(Arc<Inner>);

struct Inner {
    emulator: String,
    http: reqwest::Client,
    functions: Functions,
    faults: Faults,
    kills: Kills,
    log: Log,
    is_calm: AtomicBool,
    suffered: AtomicU64,
    denied: Mutex<Vec<String>>,
    /// The quota whose mails are recorded.
    quota: String,
}

struct Call {
    function: &'static str,
    peer: SocketAddr,
    ours: SocketAddr,
    asked: AwsRequest,
    parts: Parts,
    body: Bytes,
}

impl Proxy {
    /// A proxy without faults until [`Proxy::start_faults`].
    pub fn new(seed: Seed, emulator: &str, functions: Functions, quota: &str) -> Self {
        // An idle connection would prevent the emulator from exiting.
        let http = reqwest::Client::builder().no_proxy().no_gzip().pool_max_idle_per_host(0);
        Self(Arc::new(Inner {
            emulator: emulator.to_owned(),
            http: http.redirect(reqwest::redirect::Policy::none()).build().unwrap(),
            functions,
            faults: Faults::default(),
            kills: Kills::new(seed),
            log: Log::create(&format!("seed-{seed}")),
            is_calm: AtomicBool::new(true),
            suffered: AtomicU64::new(0),
            denied: Mutex::default(),
            quota: quota.to_owned(),
        }))
    }

    /// Accepts the functions' calls from now on, at one address per function.
    pub async fn open(&self) {
        let mut addresses = BTreeMap::new();
        for function in FUNCTIONS {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let ours = listener.local_addr().unwrap();
            addresses.insert(function, format!("http://{ours}"));
            let proxy = self.clone();
            let answer = move |peer, request| proxy.clone().take(function, peer, ours, request);
            tokio::spawn(server::serve(listener, answer));
        }
        self.0.functions.set_endpoints(|function| addresses[function].clone()).await;
    }

    /// Points the functions back to the emulator.
    pub async fn close(&self) {
        self.0.functions.set_endpoints(|_| self.0.emulator.clone()).await;
    }

    /// Starts the faults.
    pub fn start_faults(&self, seed: Seed, now_ms: fn() -> i64) {
        self.0.log.write("faults started");
        self.0.faults.inject(plan::plan(seed, now_ms));
        self.0.is_calm.store(false, Ordering::Relaxed);
    }

    /// Ends all faults.
    pub fn stop_faults(&self) {
        self.0.is_calm.store(true, Ordering::Relaxed);
        self.0.log.write("faults ended");
        self.0.faults.heal();
    }

    /// Number of calls with a fault other than a delay.
    pub fn faulted_calls(&self) -> u64 {
        self.0.suffered.load(Ordering::Relaxed)
    }

    pub fn functions(&self) -> &Functions {
        &self.0.functions
    }

    pub fn log(&self) -> &Log {
        &self.0.log
    }

    /// Number of killed functions.
    pub fn kills(&self) -> u64 {
        self.0.kills.total()
    }

    /// Calls that the policies deny.
    pub fn denied(&self) -> Vec<String> {
        self.0.denied.lock().unwrap().clone()
    }

    async fn take(
        self,
        function: &'static str,
        peer: SocketAddr,
        ours: SocketAddr,
        request: Request<Incoming>,
    ) -> Option<Response<Body>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        let asked = AwsRequest::of(&sdk_request(&parts), &body);
        if let Err(denied) = asked.check_policy(&self.0.functions.names(), function) {
            self.0.denied.lock().unwrap().push(denied);
        }
        let call = Arc::new(Call { function, peer, ours, asked, parts, body });
        let mut waiting = PendingCall { proxy: &self, call: call.clone(), is_over: false };
        // A call takes effect even if its caller stops waiting.
        let (proxy, call) = (self.clone(), call);
        let answer =
            tokio::spawn(async move { proxy.call_with_faults(&call).await }).await.unwrap();
        waiting.is_over = true;
        answer
    }

    async fn call_with_faults(&self, call: &Arc<Call>) -> Option<Response<Body>> {
        let (fault, dies) = match self.0.is_calm.load(Ordering::Relaxed) {
            true => (Fault::None, None),
            false => (self.0.faults.next(&call.asked.operation), self.0.kills.next(call.function)),
        };
        let is_whole = matches!(fault, Fault::None | Fault::Delay(_));
        self.0.suffered.fetch_add(u64::from(!is_whole), Ordering::Relaxed);
        if dies == Some(Moment::Before) {
            self.kill(call, "before");
            return None;
        }
        let answer = self.forward_with_fault(call, fault).await;
        let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        self.0
            .log
            .write(&format!("{} {} {fault:?}: {status}", call.function, call.asked.operation));
        if dies == Some(Moment::After) {
            self.kill(call, "after");
            return None;
        }
        answer
    }

    async fn forward_with_fault(&self, call: &Arc<Call>, fault: Fault) -> Option<Response<Body>> {
        match fault {
            // The body's length selects an error response or a closed connection.
            Fault::Before if call.body.len().is_multiple_of(2) => return Some(internal_error()),
            Fault::Before => return None,
            Fault::Throttle => return Some(response(call.asked.throttled())),
            Fault::Delay(delay) => tokio::time::sleep(delay).await,
            Fault::Late(delay) => {
                let (proxy, call) = (self.clone(), call.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    proxy.forward(&call).await
                });
                return None;
            }
            Fault::Twice => drop(self.forward(call).await),
            Fault::None | Fault::After | Fault::Slow(_) | Fault::Partial(_) => {}
        }
        let answer = self.forward(call).await;
        if let Fault::Slow(delay) = fault {
            tokio::time::sleep(delay).await;
        }
        answer.filter(|_| fault != Fault::After)
    }

    /// The emulator's response; `None` while it is down.
    async fn forward(&self, call: &Call) -> Option<Response<Body>> {
        let address = format!("{}{}", self.0.emulator, call.parts.uri);
        let mut request =
            self.0.http.request(call.parts.method.clone(), address).body(call.body.clone());
        for (name, value) in &call.parts.headers {
            if ![http::header::HOST, http::header::CONNECTION, http::header::CONTENT_LENGTH]
                .contains(name)
            {
                request = request.header(name, value);
            }
        }
        let answer = request.send().await.ok()?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut whole = Response::new(Body::from(answer.bytes().await.ok()?));
        *whole.status_mut() = status;
        let hop = [
            http::header::CONNECTION,
            http::header::TRANSFER_ENCODING,
            http::header::CONTENT_LENGTH,
        ];
        let kept = headers.iter().filter(|(name, _)| !hop.contains(name));
        whole.headers_mut().extend(kept.map(|(name, value)| (name.clone(), value.clone())));
        if status.is_success() {
            self.record_mail(call);
        }
        Some(whole)
    }

    fn kill(&self, call: &Call, moment: &str) {
        let killed = processes::kill_peer(call.peer, call.ours);
        self.0.log.write(&format!(
            "{} killed {moment} {}: {killed:?}",
            call.function, call.asked.operation
        ));
        if killed.is_some() {
            self.0.kills.count_kill();
        }
        self.interrupted(call);
    }

    fn interrupted(&self, call: &Call) {
        if call.function == "quota-check" {
            self.0.log.record_mail_step(MailStep::Interrupted);
        }
    }

    fn record_mail(&self, call: &Call) {
        let request = &call.asked.request;
        let (is_mail, item) = (call.asked.operation == "SendEmail", &request["Item"]);
        let is_noted = item["standing"] != Value::Null && item["leased_until"] == Value::Null;
        if (is_mail || is_noted) && request.to_string().contains(&self.0.quota) {
            let subject =
                || request["Content"]["Simple"]["Subject"]["Data"].as_str().unwrap().to_owned();
            self.0.log.record_mail_step(if is_mail {
                MailStep::Sent(subject())
            } else {
                MailStep::Recorded
            });
        }
    }
}

/// A caller that waits for its response.
struct PendingCall<'a> {
    proxy: &'a Proxy,
    call: Arc<Call>,
    is_over: bool,
}

impl Drop for PendingCall<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.proxy.0.log.write(&format!(
                "{} stopped waiting for {}",
                self.call.function, self.call.asked.operation
            ));
            self.proxy.interrupted(&self.call);
        }
    }
}

fn sdk_request(parts: &Parts) -> HttpRequest {
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_method(parts.method.as_str()).unwrap();
    request.set_uri(parts.uri.to_string()).unwrap();
    for (name, value) in &parts.headers {
        request.headers_mut().append(name.to_string(), value.to_str().unwrap().to_owned());
    }
    request
}

fn response(answer: HttpResponse) -> Response<Body> {
    let body = Bytes::copy_from_slice(answer.body().bytes().unwrap());
    let mut response = Response::builder().status(answer.status().as_u16());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    response.body(Body::from(body)).unwrap()
}

/// The services' response to an internal failure.
fn internal_error() -> Response<Body> {
    let body =
        r#"{"__type":"InternalServerError","message":"The request could not be processed."}"#;
    Response::builder().status(500).body(Body::from(body)).unwrap()
}
