//! The single entry point: every request passes here on its way to its service.

use super::service::{AwsRequest, Service};
use crate::{
    clock::SimClock,
    cloudwatch::CloudWatch,
    database::{Database, batch},
    faults::{Fault, Faults},
    iam,
    kill_switch::KillSwitch,
    ledger::Ledger,
    loop_detection,
    queue::Queues,
    scheduler::Scheduler,
    service_response::ServiceResponse,
    ses::Ses,
    sockets::Sockets,
    stream::Stream,
    trace::Trace,
};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::Value;
use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64},
    },
};

/// Name in ledgers and fault plans of an `UpdateItem` that adds to the functions' counters.
pub const COUNTER_UPDATE: &str = "UpdateItem (totals)";

/// The services and their instrumentation. Clones are handles to the same state.
#[derive(Clone, Debug)]
pub(crate) struct AwsEndpoint {
    pub(crate) database: Database,
    pub(crate) queues: Arc<Queues>,
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) sockets: Arc<Sockets>,
    pub(crate) stream: Arc<Stream>,
    pub(crate) ses: Arc<Ses>,
    pub(crate) cloudwatch: Arc<CloudWatch>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    pub(crate) trace: Arc<Mutex<Trace>>,
    pub(crate) flaw: Arc<Mutex<Option<RequestHook>>>,
    pub(crate) loops: Arc<LoopDetection>,
    clock: SimClock,
}

/// Recursive loop detection: messages that went through a function too often.
#[derive(Debug, Default)]
pub(crate) struct LoopDetection {
    /// Whether loops are ended regardless of the template.
    pub(crate) enforced: AtomicBool,
    /// Number of refused invocations.
    pub(crate) refused: AtomicU64,
}

/// A planted bug: the rule may change a request, or respond in the service's place.
#[derive(Clone)]
pub(crate) struct RequestHook(Arc<RequestHookFn>);

type RequestHookFn = dyn Fn(&str, &mut Value) -> Option<Value> + Send + Sync;

impl RequestHook {
    pub(super) fn new(
        rule: impl Fn(&str, &mut Value) -> Option<Value> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(rule))
    }
}

impl fmt::Debug for RequestHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flaw")
    }
}

impl AwsEndpoint {
    pub(super) fn open(clock: SimClock, queues: Queues, scheduler: Scheduler) -> Self {
        let (queues, scheduler) = (Arc::new(queues), Arc::new(scheduler));
        let database = Database::open(clock);
        let (cloudwatch, ses, sockets, stream) = <(Arc<_>, Arc<_>, Arc<_>, Arc<_>)>::default();
        let (faults, ledger, trace, flaw) =
            (Arc::default(), Arc::default(), Arc::default(), Arc::default());
        Self {
            database,
            queues,
            scheduler,
            ses,
            cloudwatch,
            sockets,
            stream,
            faults,
            ledger,
            trace,
            flaw,
            loops: Arc::default(),
            clock,
        }
    }

    /// Makes one call and applies the planned fault.
    pub(crate) async fn call(
        &self,
        service: Service,
        operation: &str,
        mut request: Value,
    ) -> Result<ServiceResponse, ConnectorError> {
        loop_detection::add_trace_header(operation, &mut request);
        let call = KillSwitch::enter().await;
        let fault = self.faults.next(operation_name(operation, &request));
        self.trace.lock().unwrap().record(self.clock.now_ms(), operation, &request, fault);
        match fault {
            Fault::Before => {
                return Err(ConnectorError::io("injected: the request was lost".into()));
            }
            Fault::Throttle => return Ok(service.throttle()),
            Fault::Delay(delay) => tokio::time::sleep(delay).await,
            Fault::Late(delay) => {
                let (door, operation) = (self.clone(), operation.to_owned());
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    door.serve(service, &operation, request).await
                });
                return Err(ConnectorError::timeout("injected: the request is delayed".into()));
            }
            Fault::Twice => drop(self.serve(service, operation, request.clone()).await),
            Fault::None | Fault::After | Fault::Slow(_) | Fault::Partial(_) => {}
        }
        let mask = if let Fault::Partial(mask) = fault { mask } else { 0 };
        let split = batch::split(operation, request, |nth| mask >> (nth % 64) & 1 == 1);
        let mut answer = self.serve(service, operation, split.request).await;
        if let Some(left) = split.unprocessed.filter(|_| answer.is_ok()) {
            batch::set_unprocessed(operation, &mut answer.body, left);
        }
        call.leave(operation).await;
        if let Fault::Slow(delay) = fault {
            tokio::time::sleep(delay).await;
        }
        match fault {
            Fault::After => Err(ConnectorError::timeout("injected: the response was lost".into())),
            _ => Ok(answer),
        }
    }

    async fn serve(
        &self,
        service: Service,
        operation: &str,
        mut request: Value,
    ) -> ServiceResponse {
        let flaw = self.flaw.lock().unwrap().clone();
        if let Some(answer) = flaw.and_then(|flaw| (flaw.0)(operation, &mut request)) {
            return ServiceResponse::ok(answer);
        }
        let name = operation_name(operation, &request);
        let (answer, line) = match service {
            Service::DynamoDb => {
                let asked = request.clone();
                let (answer, line) = self.database.call(operation, request);
                if answer.is_ok() {
                    self.stream.record_write(operation, &asked);
                }
                (answer, line)
            }
            Service::Sqs => self.queues.call(operation, request).await,
            Service::Scheduler => self.scheduler.call(operation, &request),
            Service::Sockets => self.sockets.call(operation, &request),
            Service::Ses => self.ses.call(operation, &request),
            Service::CloudWatch => self.cloudwatch.call(operation, &request),
        };
        self.ledger.lock().unwrap().record(name, line);
        answer
    }
}

/// Name of an operation in ledgers and fault plans. Counter updates are written in the background
/// at unrelated times. Their own name lets tests include or exclude them.
fn operation_name<'a>(operation: &'a str, request: &Value) -> &'a str {
    let of_totals = request["Key"]["pk"]["S"]
        .as_str()
        .and_then(|pk| pk.strip_prefix("COUNTERS#"))
        .is_some_and(|shard| shard.len() == 1);
    if operation == "UpdateItem" && of_totals { COUNTER_UPDATE } else { operation }
}

/// The entry point of one function, restricted to its IAM policy.
#[derive(Clone, Debug)]
pub(super) struct FunctionClient {
    pub(super) function: &'static str,
    pub(super) door: AwsEndpoint,
}

impl AwsEndpoint {
    fn pass(&self, request: HttpRequest, function: Option<&'static str>) -> HttpConnectorFuture {
        let asked = AwsRequest::head(&request);
        let door = self.clone();
        HttpConnectorFuture::new(async move {
            // Reads the body to its end, as a socket would: the SDK fails a body that stalls.
            let body =
                ByteStream::new(request.into_body()).collect().await.expect("a body in memory");
            let asked = asked.with(&body.into_bytes());
            if let Some(function) = function {
                let allowed = asked.check_policy(&iam::SIM, function);
                allowed.unwrap_or_else(|denied| panic!("{denied}"));
            }
            let service = asked.service;
            let answer = AwsEndpoint::call(&door, service, &asked.operation, asked.request).await?;
            Ok(service.into_http(answer))
        })
    }
}

impl HttpConnector for AwsEndpoint {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.pass(request, None)
    }
}

impl HttpClient for AwsEndpoint {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for FunctionClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.door.pass(request, Some(self.function))
    }
}

impl HttpClient for FunctionClient {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
