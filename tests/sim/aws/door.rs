//! The one way in: every request passes here, on its way to its service.

use crate::{
    answer::Answer,
    clock::SimClock,
    cloudwatch::{self, CloudWatch},
    database::Database,
    faults::{Fault, Faults},
    iam,
    kill_switch::KillSwitch,
    ledger::Ledger,
    queue::Queues,
    scheduler::{self, Scheduler},
    ses::{self, Ses},
    sockets::{self, Sockets},
    stream::Stream,
    trace::Trace,
};
use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::Value;
use std::{
    fmt,
    sync::{Arc, Mutex},
};

/// By what name bills and faults know an `UpdateItem` that adds to what functions count.
pub const TOTALS: &str = "UpdateItem (totals)";

/// What stands behind the door, and what watches over it. Clones lead to the same place.
#[derive(Clone, Debug)]
pub(crate) struct Door {
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
    pub(crate) flaw: Arc<Mutex<Option<Flaw>>>,
    clock: SimClock,
}

/// What makes services do other than they are asked to, so that a stack that is sound behaves as one with a bug would: it may change a
/// request, or answer it in the service's place.
#[derive(Clone)]
pub(crate) struct Flaw(Arc<FlawRule>);

type FlawRule = dyn Fn(&str, &mut Value) -> Option<Value> + Send + Sync;

impl Flaw {
    pub(super) fn new(rule: impl Fn(&str, &mut Value) -> Option<Value> + Send + Sync + 'static) -> Self {
        Self(Arc::new(rule))
    }
}

impl fmt::Debug for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flaw")
    }
}

/// The service that a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    DynamoDb,
    Sqs,
    Scheduler,
    Sockets,
    Ses,
    CloudWatch,
}

impl Door {
    pub(super) fn open(clock: SimClock, queues: Queues, scheduler: Scheduler) -> Self {
        let (queues, scheduler) = (Arc::new(queues), Arc::new(scheduler));
        let database = Database::open(clock);
        let (cloudwatch, ses, sockets, stream) = <(Arc<_>, Arc<_>, Arc<_>, Arc<_>)>::default();
        let (faults, ledger, trace, flaw) = (Arc::default(), Arc::default(), Arc::default(), Arc::default());
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
            clock,
        }
    }

    /// Makes one call, with whatever is to befall it.
    pub(crate) async fn call(
        &self,
        service: Service,
        operation: &str,
        request: Value,
    ) -> Result<Answer, ConnectorError> {
        let call = KillSwitch::enter().await;
        let fault = self.faults.next(told_apart(operation, &request));
        self.trace.lock().unwrap().note(self.clock.now_ms(), operation, &request, fault);
        match fault {
            Fault::Before => return Err(ConnectorError::io("injected: the request was lost".into())),
            Fault::Throttle => return Ok(service.throttle()),
            Fault::Delay(delay) => tokio::time::sleep(delay).await,
            Fault::Late(delay) => {
                let (door, operation) = (self.clone(), operation.to_owned());
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    door.serve(service, &operation, request).await
                });
                return Err(ConnectorError::timeout("injected: the request is late".into()));
            }
            Fault::Twice => drop(self.serve(service, operation, request.clone()).await),
            Fault::None | Fault::After | Fault::Slow(_) => {}
        }
        let answer = self.serve(service, operation, request).await;
        call.leave(operation).await;
        if let Fault::Slow(delay) = fault {
            tokio::time::sleep(delay).await;
        }
        match fault {
            Fault::After => Err(ConnectorError::timeout("injected: the answer was lost".into())),
            _ => Ok(answer),
        }
    }

    async fn serve(&self, service: Service, operation: &str, mut request: Value) -> Answer {
        let flaw = self.flaw.lock().unwrap().clone();
        if let Some(answer) = flaw.and_then(|flaw| (flaw.0)(operation, &mut request)) {
            return Answer::ok(answer);
        }
        let name = told_apart(operation, &request);
        let (answer, line) = match service {
            Service::DynamoDb => {
                let asked = request.clone();
                let (answer, line) = self.database.call(operation, request);
                if answer.is_ok() {
                    self.stream.note(operation, &asked);
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

/// What bills and faults know an operation by. What functions count is written beside their work, whenever that is: it is told apart, so that
/// tests can look at the one or at the other.
fn told_apart<'a>(operation: &'a str, request: &Value) -> &'a str {
    let of_totals = request["Key"]["pk"]["S"]
        .as_str()
        .and_then(|pk| pk.strip_prefix("COUNTERS#"))
        .is_some_and(|shard| shard.len() == 1);
    if operation == "UpdateItem" && of_totals { TOTALS } else { operation }
}

impl Service {
    /// A request's service and operation: from its protocol, the target that it names, or else its address.
    fn of(request: &HttpRequest) -> (Self, String) {
        if let Some(operation) = cloudwatch::operation_of(request) {
            return (Self::CloudWatch, operation);
        }
        if let Some(target) = request.headers().get("x-amz-target") {
            let (prefix, operation) = target.split_once('.').expect("a target is Service.Operation");
            let service = match prefix {
                "DynamoDB_20120810" => Self::DynamoDb,
                "AmazonSQS" => Self::Sqs,
                other => panic!("the sim has no service {other}"),
            };
            return (service, operation.to_owned());
        }
        let uri: http::Uri = request.uri().parse().unwrap();
        match uri.path() {
            path if path.starts_with(ses::PREFIX) => (Self::Ses, ses::operation_of(path).to_owned()),
            path if path.contains(sockets::PATH) => {
                (Self::Sockets, sockets::operation_of(request).to_owned())
            }
            _ => (Self::Scheduler, scheduler::operation_of(request).to_owned()),
        }
    }

    /// A request's content.
    fn read(self, uri: &str, body: &[u8]) -> Value {
        match self {
            Self::Scheduler => scheduler::request_of(uri, body),
            Self::Ses => ses::request_of(uri, body),
            Self::Sockets => sockets::request_of(uri, body),
            Self::CloudWatch => cloudwatch::request_of(body),
            Self::DynamoDb | Self::Sqs => serde_json::from_slice(body).unwrap(),
        }
    }

    /// What IAM's actions on it begin with.
    const fn prefix(self) -> &'static str {
        match self {
            Self::DynamoDb => "dynamodb",
            Self::Sqs => "sqs",
            Self::Scheduler => "scheduler",
            Self::Sockets => "execute-api",
            Self::Ses => "ses",
            Self::CloudWatch => "cloudwatch",
        }
    }

    fn throttle(self) -> Answer {
        match self {
            Self::DynamoDb => Answer::refused(
                "com.amazonaws.dynamodb.v20120810#ThrottlingException",
                "Throughput exceeds the current capacity of your table or index.",
            ),
            Self::Sqs => Answer {
                query_error: Some("RequestThrottled"),
                ..Answer::refused("com.amazonaws.sqs#RequestThrottled", "Request is throttled.")
            },
            Self::Scheduler | Self::CloudWatch => {
                Answer { status: 429, ..Answer::refused("ThrottlingException", "Rate exceeded.") }
            }
            Self::Sockets => {
                Answer { status: 429, ..Answer::refused("LimitExceededException", "Too many messages.") }
            }
            Self::Ses => {
                let message = "Maximum sending rate exceeded.";
                Answer { status: 429, ..Answer::refused("TooManyRequestsException", message) }
            }
        }
    }
}

/// The door as a function comes to it, which may only ask for what its policy allows.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) function: &'static str,
    pub(super) door: Door,
}

impl Door {
    fn pass(&self, request: HttpRequest, function: Option<&'static str>) -> HttpConnectorFuture {
        let (service, operation) = Service::of(&request);
        let uri = request.uri().to_owned();
        let door = self.clone();
        HttpConnectorFuture::new(async move {
            // Read to its end, as a socket would: the SDK watches, and gives up on one that stalls.
            let body = ByteStream::new(request.into_body()).collect().await.expect("a body in memory");
            let body = body.into_bytes();
            let request = service.read(&uri, &body);
            if let Some(function) = function {
                iam::check(function, service.prefix(), &operation, &request);
            }
            let answer = Door::call(&door, service, &operation, request).await?;
            Ok(if service == Service::CloudWatch {
                cloudwatch::into_http(answer)
            } else {
                answer.into_http()
            })
        })
    }
}

impl HttpConnector for Door {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.pass(request, None)
    }
}

impl HttpClient for Door {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Caller {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.door.pass(request, Some(self.function))
    }
}

impl HttpClient for Caller {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
