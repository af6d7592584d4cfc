//! `POST /v1/jobs/batch`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use futures::future::{join_all, try_join_all};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;
use shared::{
    api::{AnyProblem, BatchBody, BatchItem, BatchRequest, BodyProblem, JobBody, JobRequest, Problem},
    aws::{Begun, IdempotencyKey, Outgoing},
    gate::{Caller, Contract, Failure, JsonBody, Query, RequestId, fingerprint},
    id::{self, AccountId, JobId},
    job::{Job, Payload},
    kind::Rank,
    schema::Violation,
    telemetry::{Record, Traceparent},
    time::Time,
};

use crate::{
    App,
    accept::{Order, is_far},
    idempotency,
    job::{Repeat, UNDER_WAY, trace},
};

/// Submit up to a hundred jobs.
///
/// Each is accepted or refused for itself, as `items` tells in the order given; the whole is refused only if it isn't a list of 1 to 100. The
/// ids of a batch sort in its order, so that the last counts as the newest. With an `Idempotency-Key` the batch can be repeated as a whole.
#[utoipa::path(
    post, path = "/v1/jobs/batch", tag = "jobs", operation_id = "submitJobs",
    security(("key" = ["jobs:write"])),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, kept for 24 hours: the same request with the same key makes no second jobs."),
        ("traceparent" = Option<String>, Header, description = "W3C Trace Context; the targets get it."),
    ),
    request_body = BatchRequest,
    responses(
        (status = 202, description = "What became of each job", body = BatchBody, headers(
            ("Idempotency-Replayed" = bool, description = "`true` if the jobs were made by an earlier request"),
        )),
        (status = 409, description = "The first request with this `Idempotency-Key` is still under way", body = shared::api::ProblemBody, content_type = "application/problem+json"),
        AnyProblem, BodyProblem,
    ),
)]
pub async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    headers: HeaderMap,
    query: Query,
    JsonBody { value: BatchRequest { jobs }, json }: JsonBody<BatchRequest>,
) -> Result<Response, Failure> {
    query.end()?;
    let key = idempotency::key(&headers)?;
    let now = app.clock.now();
    let asked = jobs.iter().zip(json["jobs"].as_array().into_iter().flatten()).enumerate();
    let asked = asked.map(|(n, (raw, json))| app.asked(&caller, n, raw.get(), json, trace(&headers), now));
    let asked = try_join_all(asked).await?;

    let repeat = key.map(|key| Repeat { key, fingerprint: fingerprint("POST /v1/jobs/batch", &json) });
    let (places, replayed) = app.place(&caller, asked, repeat.as_ref(), now).await?;
    let made = app.make_all(&places, repeat.is_some(), now).await;
    let items = places.into_iter().zip(made).map(|(place, made)| match place {
        Place::New(Order { job, .. }) | Place::Made(job) if made => {
            BatchItem::accepted(JobBody::from(job.as_accepted()))
        }
        Place::New(_) | Place::Made(_) => BatchItem::refused(Problem::Unavailable.body(&request)),
        Place::Refused(violations) => BatchItem::refused(Problem::InvalidBody(violations).body(&request)),
    });
    let items: Vec<_> = items.collect();
    if items.iter().all(|item| item.status == Problem::Unavailable.status()) {
        return Err(Problem::Unavailable.into());
    }
    let accepted = items.iter().filter(|item| item.job.is_some()).count();
    tracing::info!(request.id = request, account = %caller.account(), accepted, refused = items.len() - accepted, replayed, "batch accepted");
    let told = replayed
        .then_some((HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true")));
    Ok((StatusCode::ACCEPTED, HeaderMap::from_iter(told), Json(BatchBody { items })).into_response())
}

/// One job of a batch as it was asked for, and for whom.
struct Asked {
    account: AccountId,
    order: Result<Order, Vec<Violation>>,
}

/// What is to become of one job of a batch.
enum Place {
    /// It is to be made.
    New(Order),
    /// It was made by an earlier request.
    Made(Job),
    /// It breaks the contract.
    Refused(Vec<Violation>),
}

impl App {
    /// The `n`-th job of a batch, or everything that is wrong with it.
    async fn asked(
        &self,
        caller: &Caller,
        n: usize,
        raw: &str,
        json: &Value,
        trace: Option<Traceparent>,
        now: Time,
    ) -> Result<Asked, Failure> {
        let prefix = format!("/jobs/{n}");
        let refused = |violations| Ok(Asked { account: caller.account(), order: Err(violations) });
        let broken = JobRequest::schema().violations(json, &prefix);
        if !broken.is_empty() {
            return refused(broken);
        }
        let Ok(wanted) = serde_json::from_str::<JobRequest>(raw) else {
            return refused(vec![Violation::new(
                prefix,
                "holds a whole number that is written with a fraction",
            )]);
        };
        let account = match self.account_of(caller, wanted.account, &prefix, now).await? {
            Ok(account) => account,
            Err(violation) => return refused(vec![violation]),
        };
        let order = self.order(account, wanted, &json["payload"], &prefix, trace, now).await?;
        Ok(Asked { account, order })
    }

    /// Gives each job its place. Their ids follow from one: that of the first request with this key, of which then only those jobs count
    /// that were accepted. `true`: there was an earlier request.
    async fn place(
        &self,
        caller: &Caller,
        asked: Vec<Asked>,
        repeat: Option<&Repeat>,
        now: Time,
    ) -> Result<(Vec<Place>, bool), Failure> {
        let first: JobId = id::mint(now, rand::random());
        let Some(Repeat { key, fingerprint }) = repeat else {
            let named = asked
                .into_iter()
                .zip(0..)
                .map(|(asked, n)| Place::new(asked.order, id::nth(&first, n), None));
            return Ok((named.collect(), false));
        };
        let sound = asked.iter().enumerate().filter(|(_, asked)| asked.order.is_ok());
        let sound = sound.fold(0u128, |bits, (n, _)| bits | 1 << n);
        let kept = Some(now + IdempotencyKey::KEPT);
        match self.idempotency.begin(caller.account(), key, fingerprint, first, Some(sound), now).await? {
            Begun::First => {
                let named = asked
                    .into_iter()
                    .zip(0..)
                    .map(|(asked, n)| Place::new(asked.order, id::nth(&first, n), kept));
                Ok((named.collect(), false))
            }
            Begun::Other => Err(Problem::IdempotencyKeyReused.into()),
            Begun::Repeated { job, since, accepted } => {
                let under_way = now.since(since) < UNDER_WAY;
                Ok((self.replace(asked, job, accepted, under_way, kept).await?, true))
            }
        }
    }

    /// The places that an earlier request gave, completed where it got no further than its record.
    async fn replace(
        &self,
        asked: Vec<Asked>,
        first: JobId,
        accepted: u128,
        under_way: bool,
        kept: Option<Time>,
    ) -> Result<Vec<Place>, Failure> {
        let was_accepted = |n: u16| accepted >> n & 1 == 1;
        let names = asked.iter().zip(0..).filter(|(_, n)| was_accepted(*n));
        let names: Vec<_> = names.map(|(asked, n)| (asked.account, id::nth(&first, n))).collect();
        let made = self.jobs.inspect_all(&names).await?;
        if made.len() < names.len() && under_way {
            return Err(Problem::IdempotencyInProgress.into());
        }
        let mut made: HashMap<JobId, Job> = made.into_iter().map(|job| (job.id, job)).collect();
        let places = asked.into_iter().zip(0..).map(|(asked, n)| {
            let id = id::nth(&first, n);
            match (made.remove(&id), asked.order) {
                (Some(job), _) => Place::Made(job),
                (None, Ok(_)) if !was_accepted(n) => {
                    let why =
                        "was refused when this batch was first sent; send it with another Idempotency-Key";
                    Place::Refused(vec![Violation::new(format!("/jobs/{n}"), why)])
                }
                (None, order) => Place::new(order, id, kept),
            }
        });
        Ok(places.collect())
    }

    /// Makes the jobs that are new and sends messages again that may never have been sent; says of each whether it is stored and queued.
    async fn make_all(&self, places: &[Place], repeatable: bool, now: Time) -> Vec<bool> {
        let (mut far, mut plain, mut ordered) = (Vec::new(), Vec::new(), Vec::new());
        for (n, place) in places.iter().enumerate() {
            let Place::New(order) = place else { continue };
            match order.rank(now) {
                _ if is_far(&order.job, now) => far.push((n, order)),
                None => plain.push((n, order)),
                Some(_) => ordered.push((n, order)),
            }
        }
        let again = places.iter().enumerate().filter_map(|(n, place)| match place {
            Place::Made(job) => Some((n, job)),
            _ => None,
        });
        let again = again.map(async |(n, job)| (n, self.send_again(job, None, now).await.is_ok()));
        let far = far.into_iter().map(async |(n, order)| (n, self.accept(order, repeatable).await.is_ok()));
        let (plain, ordered, far, again) = tokio::join!(
            self.store_then_send(plain, now),
            self.send_then_store(ordered, now),
            join_all(far),
            join_all(again),
        );
        let near = plain.into_iter().chain(ordered).collect::<Vec<_>>();
        self.count(places, &near, now);
        if !repeatable {
            self.take_back_all(places, &near).await;
        }
        let mut made = vec![false; places.len()];
        for (n, done) in near.into_iter().chain(far).chain(again) {
            made[n] = done;
        }
        made
    }

    async fn store_then_send(&self, orders: Vec<(usize, &Order)>, now: Time) -> Vec<(usize, bool)> {
        let stored = self.jobs.put_all(&rows(&orders, now)).await;
        let (kept, lost): (Vec<_>, Vec<_>) = orders.into_iter().zip(stored).partition(|(_, stored)| *stored);
        let kept: Vec<_> = kept.into_iter().map(|(order, _)| order).collect();
        let sent = self.queue.send_all(&messages(&kept, now)).await;
        let kept = kept.into_iter().zip(sent).map(|((n, _), sent)| (n, sent));
        kept.chain(lost.into_iter().map(|((n, _), _)| (n, false))).collect()
    }

    /// A permit too many does no harm, while a listed job without one would take another's.
    async fn send_then_store(&self, orders: Vec<(usize, &Order)>, now: Time) -> Vec<(usize, bool)> {
        let sent = self.queue.send_all(&messages(&orders, now)).await;
        let (kept, lost): (Vec<_>, Vec<_>) = orders.into_iter().zip(sent).partition(|(_, sent)| *sent);
        let kept: Vec<_> = kept.into_iter().map(|(order, _)| order).collect();
        let stored = self.jobs.put_all(&rows(&kept, now)).await;
        let kept = kept.into_iter().zip(stored).map(|((n, _), stored)| (n, stored));
        kept.chain(lost.into_iter().map(|((n, _), _)| (n, false))).collect()
    }

    fn count(&self, places: &[Place], made: &[(usize, bool)], now: Time) {
        let mut by_kind = BTreeMap::<_, usize>::new();
        for (n, _) in made.iter().filter(|(_, made)| *made) {
            if let Place::New(order) = &places[*n] {
                *by_kind.entry(&order.job.kind).or_default() += 1;
            }
        }
        for (kind, number) in by_kind {
            self.metrics.emit(Record::new().dimension("kind", kind.as_str()).count("Accepted", number), now);
        }
    }

    async fn take_back_all(&self, places: &[Place], made: &[(usize, bool)]) {
        let failed = made.iter().filter(|(_, made)| !made).filter_map(|(n, _)| match &places[*n] {
            Place::New(order) => Some(order),
            _ => None,
        });
        join_all(failed.map(|order| self.take_back(order))).await;
    }
}

impl Place {
    fn new(order: Result<Order, Vec<Violation>>, id: JobId, kept_until: Option<Time>) -> Self {
        match order {
            Ok(order) => Self::New(order.renamed(id, kept_until)),
            Err(violations) => Self::Refused(violations),
        }
    }
}

fn messages(orders: &[(usize, &Order)], now: Time) -> Vec<Outgoing> {
    let message =
        |order: &Order| Outgoing::at(order.job.message(), order.job.run_at, now, order.trace.clone());
    orders.iter().map(|(_, order)| message(order)).collect()
}

fn rows<'a>(orders: &[(usize, &'a Order)], now: Time) -> Vec<(&'a Job, &'a Payload, Option<Rank>)> {
    orders.iter().map(|(_, order)| (&order.job, &order.payload, order.rank(now))).collect()
}
