//! The contract of the stores, checked against several implementations of DynamoDB, so that the
//! code relies on no emulator's quirk. Every test uses its own account or names, so that tests
//! can share a table.

#[path = "suite/accounts.rs"]
mod accounts;
#[path = "suite/connections.rs"]
mod connections;
#[path = "suite/events.rs"]
mod events;
#[path = "suite/queues.rs"]
mod queues;
#[path = "suite/rows.rs"]
mod rows;
#[path = "suite/usage.rs"]
mod usage;

use std::time::Duration;

use model::{
    id::{self, AccountId, JobId},
    job::{
        Attempt, AttemptOutcome, ClaimDenied, CompletionTimes, EndedBy, ErrorCode, Job, JobError,
        JobMessage, Payload, Status,
    },
    kind::{Discipline, KindSpec},
    name::Name,
    schedule::ScheduleSpec,
    time::Time,
};
use serde_json::value::RawValue;
use store::{
    AttemptEnd, BeginResult, ClaimResult, ClaimedJob, CompletionTimeStore, EndResult, Filter,
    IdempotencyKey, IdempotencyStore, JobStore, KindStore, ReadyQueueKey, RetryResult,
    ScheduleStore, SlotStore, Table,
};

pub use accounts::*;
pub use connections::*;
pub use events::*;
pub use queues::*;
pub use rows::*;
pub use usage::*;

/// Calls a macro with the names of all tests.
macro_rules! for_each {
    ($run:ident) => {
        $run!(
            a_job_is_put_claimed_and_completed,
            a_claimed_job_is_not_claimed_again_before_its_lease_expires,
            a_delayed_job_is_not_claimed_before_it_is_due,
            a_delayed_job_is_in_the_ready_queue_only_if_listed,
            an_abandoned_job_without_attempts_left_fails,
            repeated_calls_are_idempotent,
            a_repeated_retry_succeeds_if_the_job_runs_already,
            only_an_unstarted_job_is_deleted,
            large_payloads_and_results_are_read_back,
            a_lost_claim_cannot_overwrite_a_large_result,
            a_long_history_stays_bounded,
            jobs_are_listed_newest_first_across_all_partitions,
            waiting_jobs_of_a_kind_are_found,
            overdue_jobs_are_found_wherever_they_are_listed,
            an_idempotency_key_is_used_once,
            a_slot_is_held_until_its_claim_ends,
            a_key_is_found_with_its_account,
            accounts_are_changed_and_listed,
            keys_are_listed_used_and_revoked,
            secrets_are_replaced_by_one_at_a_time,
            kinds_are_versioned_and_listed,
            schedules_are_restored_to_their_previous_definition,
            completion_times_are_summed,
            events_are_read_in_order,
            an_event_is_published_once,
            a_ticket_is_redeemed_once,
            a_connection_subscribes_once,
            only_the_lease_holder_sends,
            changes_are_applied_once_and_read_back,
            changes_are_applied_together_or_not_at_all,
            a_row_is_deleted_only_if_its_values_match,
            many_and_large_rows_are_paged,
            hostile_values_are_only_values,
            totals_are_known_for_every_minute,
            hours_closed_in_one_call_are_kept,
            reports_count_once,
            a_deleted_source_keeps_its_open_hours,
        );
    };
}
pub(crate) use for_each;

/// Calls a macro with the names of all queue tests.
macro_rules! for_each_of_queues {
    ($run:ident) => {
        $run!(
            a_message_arrives_with_its_trace_and_its_group,
            many_messages_are_sent_in_batches_of_ten,
            a_message_is_not_delivered_early,
            hidden_messages_reappear_when_due,
        );
    };
}
pub(crate) use for_each_of_queues;

const MINUTE: Duration = Duration::from_secs(60);

fn now() -> Time {
    runtime::clock::Clock::system().now()
}

fn job(account: AccountId, at: Time) -> Job {
    let job =
        Job::queued(id::generate(at, rand::random()), account, "echo".parse().unwrap(), 2, at);
    Job { metadata: [("a".to_owned(), "b".to_owned())].into(), ..job }
}

fn json(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn account() -> AccountId {
    id::generate(now(), rand::random())
}

/// Stores a new job.
async fn put(jobs: &JobStore, payload: &str) -> Job {
    let job = job(account(), now());
    jobs.put(&job, &Payload(json(payload)), None).await.unwrap();
    job
}

async fn claimed(jobs: &JobStore, job: &Job, me: &str, at: Time) -> ClaimedJob {
    match jobs.claim(job.account, job.id, me, at, at + MINUTE, None).await.unwrap() {
        ClaimResult::Claimed(claimed) => *claimed,
        other => panic!("{other:?}"),
    }
}

async fn denied(jobs: &JobStore, job: &Job, at: Time) -> ClaimDenied {
    match jobs.claim(job.account, job.id, "another", at, at + MINUTE, None).await.unwrap() {
        ClaimResult::Denied(refusal, _, _) => refusal,
        other => panic!("{other:?}"),
    }
}

fn failure(number: u32, at: Time) -> Attempt {
    let error = JobError::new(ErrorCode::TargetStatus, "target responded with 503");
    let (started_at, outcome) = (Some(at), AttemptOutcome::Retried);
    Attempt {
        number,
        started_at,
        ended_at: Some(at),
        outcome,
        http_status: Some(503),
        error: Some(error),
    }
}

async fn find(jobs: &JobStore, job: &Job) -> Job {
    jobs.get(job.account, job.id, true, now()).await.unwrap().unwrap()
}

pub async fn a_job_is_put_claimed_and_completed(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, r#"{"n": 1.50}"#).await;
    let t = now();
    let held = claimed(&jobs, &job, "me", t).await;
    assert_eq!(
        (held.payload.as_ref().unwrap().as_str(), held.job.status, held.job.attempts),
        (r#"{"n": 1.50}"#, Status::Running, 1)
    );
    assert_eq!((held.job.attempt_started_at, &held.job.metadata), (Some(t), &job.metadata));
    let ending = AttemptEnd::Completed { result: json("[1]"), expires_at: t + MINUTE };
    assert_eq!(
        jobs.end_attempt(&held.job, EndedBy::without_event("me"), ending, t).await.unwrap(),
        EndResult::Written
    );
    let done = find(&jobs, &job).await;
    assert_eq!(
        (done.status, done.result.unwrap().get(), done.finished_at),
        (Status::Completed, "[1]", Some(t))
    );
    assert_eq!(denied(&jobs, &job, t + 2 * MINUTE).await, ClaimDenied::Done);
    assert!(jobs.get(job.account, job.id, true, t + 2 * MINUTE).await.unwrap().is_none());
    let unknown: JobId = id::generate(t, rand::random());
    assert!(matches!(
        jobs.claim(job.account, unknown, "me", t, t, None).await.unwrap(),
        ClaimResult::NotFound
    ));
}

pub async fn a_claimed_job_is_not_claimed_again_before_its_lease_expires(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, "1").await;
    let t = now();
    let slow = claimed(&jobs, &job, "slow", t).await;
    assert_eq!(denied(&jobs, &job, t).await, ClaimDenied::NotYet(t + MINUTE));
    let later = claimed(&jobs, &job, "later", t + MINUTE).await;
    assert_eq!(later.job.attempts, 2);
    let ending = || AttemptEnd::Completed { result: json("1"), expires_at: t + 10 * MINUTE };
    assert_eq!(
        jobs.end_attempt(&slow.job, EndedBy::without_event("slow"), ending(), t).await.unwrap(),
        EndResult::LeaseLost
    );
    assert_eq!(
        jobs.end_attempt(&later.job, EndedBy::without_event("later"), ending(), t).await.unwrap(),
        EndResult::Written
    );
    assert_eq!(
        jobs.end_attempt(&slow.job, EndedBy::without_event("slow"), ending(), t).await.unwrap(),
        EndResult::LeaseLost
    );
}

pub async fn a_delayed_job_is_not_claimed_before_it_is_due(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, "1").await;
    let t = now();
    let held = claimed(&jobs, &job, "me", t).await;
    let ending = AttemptEnd::Queued { attempt: failure(1, t), due_at: t + MINUTE, listed: false };
    assert_eq!(
        jobs.end_attempt(&held.job, EndedBy::without_event("me"), ending, t).await.unwrap(),
        EndResult::Written
    );
    let waiting = find(&jobs, &job).await;
    assert_eq!((waiting.status, waiting.next_attempt_at), (Status::Queued, Some(t + MINUTE)));
    assert_eq!(
        (waiting.history, waiting.error.unwrap().code),
        (vec![failure(1, t)], ErrorCode::TargetStatus)
    );
    assert_eq!(denied(&jobs, &job, t).await, ClaimDenied::NotYet(t + MINUTE));
    let again = claimed(&jobs, &job, "me again", t + MINUTE).await;
    assert_eq!(
        (again.job.attempts, again.job.started_at, again.job.next_attempt_at),
        (2, Some(t), None)
    );
}

pub async fn a_delayed_job_is_in_the_ready_queue_only_if_listed(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, "1").await;
    let rank = Discipline::Lifo.rank(job.id, 0).unwrap();
    let listing = ReadyQueueKey::new(job.account, &job.kind, rank);
    let mut t = now();
    for (number, listed) in [(1, true), (2, false)] {
        let claim =
            jobs.claim(job.account, job.id, "me", t, t + MINUTE, Some(&listing)).await.unwrap();
        let ClaimResult::Claimed(held) = claim else { panic!("{claim:?}") };
        let due_at = t + 2 * MINUTE;
        let ending = AttemptEnd::Queued { attempt: failure(number, t), due_at, listed };
        assert_eq!(
            jobs.end_attempt(&held.job, EndedBy::without_event("me"), ending, t).await.unwrap(),
            EndResult::Written
        );
        // Listing a job as it was before the claim has no effect.
        jobs.add_to_ready_queue(job.account, job.id, &listing, t).await.unwrap();
        let entries = jobs.ready_queue(job.account, &job.kind, 1, t).await.unwrap();
        let shown: Vec<_> = entries.iter().map(|entry| (entry.id, entry.due_at)).collect();
        assert_eq!(shown, if listed { vec![(job.id, due_at)] } else { Vec::new() });
        t = due_at;
    }
    jobs.add_to_ready_queue(job.account, job.id, &listing, t).await.unwrap();
    assert_eq!(jobs.ready_queue(job.account, &job.kind, 1, t).await.unwrap().len(), 1);
}

pub async fn an_abandoned_job_without_attempts_left_fails(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, "1").await;
    let t = now();
    claimed(&jobs, &job, "1", t).await;
    claimed(&jobs, &job, "2", t + MINUTE).await;
    let ClaimResult::Denied(ClaimDenied::Exhausted, seen, lease) =
        jobs.claim(job.account, job.id, "3", t + 2 * MINUTE, t, None).await.unwrap()
    else {
        panic!()
    };
    let error = || JobError::new(ErrorCode::WorkerCrashed, "gone");
    let later = t + 5 * MINUTE;
    assert!(
        jobs.fail_abandoned(
            &seen,
            &lease,
            EndedBy::without_event("end"),
            error(),
            later,
            t + 2 * MINUTE
        )
        .await
        .unwrap()
    );
    assert!(
        !jobs
            .fail_abandoned(
                &seen,
                &lease,
                EndedBy::without_event("late"),
                error(),
                later,
                t + 2 * MINUTE
            )
            .await
            .unwrap()
    );
    let failed = find(&jobs, &job).await;
    assert_eq!(
        (failed.status, failed.error, failed.history.len()),
        (Status::Failed, Some(error()), 1)
    );
}

/// As if a response was lost and the SDK repeats the call.
pub async fn repeated_calls_are_idempotent(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, "1").await;
    jobs.put(&job, &Payload(json("1")), None).await.unwrap();
    let t = now();
    let first = claimed(&jobs, &job, "me", t).await;
    let second = claimed(&jobs, &job, "me", t).await;
    assert_eq!((first.job.attempts, second.job.attempts), (1, 1));
    let ending = || AttemptEnd::Completed { result: json("1"), expires_at: t + MINUTE };
    assert_eq!(
        jobs.end_attempt(&first.job, EndedBy::without_event("me"), ending(), t).await.unwrap(),
        EndResult::Written
    );
    assert_eq!(
        jobs.end_attempt(&first.job, EndedBy::without_event("me"), ending(), t).await.unwrap(),
        EndResult::Written
    );
    assert_eq!(find(&jobs, &job).await.attempts, 1);
}

pub async fn a_repeated_retry_succeeds_if_the_job_runs_already(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, "1").await;
    let by = EndedBy::without_event("cancelled");
    let (_, lease) = jobs.get_consistent(job.account, job.id).await.unwrap().unwrap();
    assert!(
        jobs.cancel(&job, &lease, by, now() + KindSpec::DEFAULT_RETENTION, now())
            .await
            .unwrap()
            .is_some()
    );
    let (job, lease) = jobs.get_consistent(job.account, job.id).await.unwrap().unwrap();
    let reopen = async |me| jobs.retry(&job, &lease, 3, None, me, now()).await.unwrap();
    assert!(matches!(reopen("mine").await, RetryResult::Queued(_)));
    claimed(&jobs, &job, "worker", now()).await;
    match reopen("mine").await {
        RetryResult::Queued(job) => assert_eq!(job.status, Status::Running),
        other => panic!("{other:?}"),
    }
    assert!(matches!(reopen("another's").await, RetryResult::Changed));
}

pub async fn only_an_unstarted_job_is_deleted(table: Table) {
    let jobs = JobStore::new(table);
    let (untouched, touched) = (put(&jobs, "1").await, put(&jobs, "1").await);
    claimed(&jobs, &touched, "me", now()).await;
    for job in [&untouched, &touched] {
        jobs.delete_unstarted(job, &Payload(json("1"))).await.unwrap();
    }
    assert!(jobs.get_consistent(untouched.account, untouched.id).await.unwrap().is_none());
    assert_eq!(find(&jobs, &touched).await.status, Status::Running);
}

pub async fn large_payloads_and_results_are_read_back(table: Table) {
    let jobs = JobStore::new(table);
    let large = format!("{:?}", "ä".repeat(30_000));
    let job = put(&jobs, &large).await;
    let t = now();
    let held = claimed(&jobs, &job, "me", t).await;
    assert_eq!(held.payload.as_ref().unwrap().as_str(), large);
    let ending = AttemptEnd::Completed { result: json(&large), expires_at: t + MINUTE };
    assert_eq!(
        jobs.end_attempt(&held.job, EndedBy::without_event("me"), ending, t).await.unwrap(),
        EndResult::Written
    );
    assert_eq!(find(&jobs, &job).await.result.unwrap().get(), large);
}

pub async fn a_lost_claim_cannot_overwrite_a_large_result(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, "1").await;
    let t = now();
    let slow = claimed(&jobs, &job, "slow", t).await;
    let later = claimed(&jobs, &job, "later", t + MINUTE).await;
    let large = |letter: &str| json(&format!("{:?}", letter.repeat(5000)));
    let ending =
        |letter| AttemptEnd::Completed { result: large(letter), expires_at: t + 10 * MINUTE };
    assert_eq!(
        jobs.end_attempt(&later.job, EndedBy::without_event("later"), ending("b"), t + MINUTE)
            .await
            .unwrap(),
        EndResult::Written
    );
    assert_eq!(
        jobs.end_attempt(&slow.job, EndedBy::without_event("slow"), ending("a"), t + MINUTE)
            .await
            .unwrap(),
        EndResult::LeaseLost
    );
    assert_eq!(find(&jobs, &job).await.result.unwrap().get(), large("b").get());
}

pub async fn a_long_history_stays_bounded(table: Table) {
    let jobs = JobStore::new(table);
    let mut job = job(account(), now());
    job.max_attempts = 100;
    jobs.put(&job, &Payload(json("1")), None).await.unwrap();
    let t = now();
    for number in 1..=25 {
        let held = claimed(&jobs, &job, &number.to_string(), t).await;
        let ending = AttemptEnd::Queued { attempt: failure(number, t), due_at: t, listed: false };
        assert_eq!(
            jobs.end_attempt(&held.job, EndedBy::without_event(&number.to_string()), ending, t)
                .await
                .unwrap(),
            EndResult::Written
        );
    }
    let numbers: Vec<_> =
        find(&jobs, &job).await.history.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, (6..=25).collect::<Vec<_>>());
}

pub async fn jobs_are_listed_newest_first_across_all_partitions(table: Table) {
    let jobs = JobStore::new(table);
    let account = account();
    let t = now();
    let mut ids = Vec::new();
    for n in 0..40 {
        let job = job(account, t + Duration::from_millis(n));
        jobs.put(&job, &Payload(json("1")), None).await.unwrap();
        ids.insert(0, job.id);
    }
    let (mut listed, mut before) = (Vec::new(), None);
    loop {
        let page = jobs.page(account, &Filter::default(), before, 7, t).await.unwrap();
        listed.extend(page.jobs.iter().map(|job| job.id));
        before = page.ended_at;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(listed, ids);
    let none = Filter { status: Some(Status::Failed), kind: None };
    assert!(jobs.page(account, &none, None, 7, t).await.unwrap().jobs.is_empty());
}

pub async fn waiting_jobs_of_a_kind_are_found(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, "1").await;
    let other: Name = "other".parse().unwrap();
    assert!(jobs.has_unfinished(job.account, &job.kind).await.unwrap());
    assert!(!jobs.has_unfinished(job.account, &other).await.unwrap());
    let t = now();
    let held = claimed(&jobs, &job, "me", t).await;
    assert!(jobs.has_unfinished(job.account, &job.kind).await.unwrap());
    let ending = AttemptEnd::Completed { result: json("1"), expires_at: t + MINUTE };
    assert_eq!(
        jobs.end_attempt(&held.job, EndedBy::without_event("me"), ending, t).await.unwrap(),
        EndResult::Written
    );
    assert!(!jobs.has_unfinished(job.account, &job.kind).await.unwrap());
}

pub async fn overdue_jobs_are_found_wherever_they_are_listed(table: Table) {
    let jobs = JobStore::new(table);
    // Due tomorrow, so that no worker of a running stack claims them.
    let t = now() + 24 * 60 * MINUTE;
    let mut listed = Vec::new();
    for n in 0..12 {
        let due = t + Duration::from_secs(n % 4);
        let job = Job::queued(
            id::generate(t, rand::random()),
            account(),
            "ordered".parse().unwrap(),
            2,
            due,
        );
        jobs.put(&job, &Payload(json("1")), Discipline::Lifo.rank(job.id, 0).as_ref())
            .await
            .unwrap();
        listed.push(job);
    }
    let unlisted = job(account(), t);
    jobs.put(&unlisted, &Payload(json("1")), None).await.unwrap();
    listed.sort_by_key(|job| (job.run_at, job.id));
    let until = |due| {
        let due = listed.iter().filter(|job| job.run_at <= due);
        due.map(|job| (job.run_at, job.message())).collect::<Vec<_>>()
    };
    let others = |message: &JobMessage| {
        message.id != unlisted.id && !listed.iter().any(|job| job.id == message.id)
    };
    let look = async |since, segment, segments| {
        let look = jobs.overdue(since, segment, segments, 1000).await.unwrap();
        let seen = look.jobs.into_iter().filter(|seen| !others(&seen.job));
        seen.map(|seen| (seen.due_at, seen.job)).collect::<Vec<_>>()
    };
    let (all, some) = (t + MINUTE, t + Duration::from_secs(1));
    // A global secondary index is eventually consistent.
    while look(all, 0, 1).await.len() < listed.len() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(look(all, 0, 1).await, until(all));
    assert_eq!(look(some, 0, 1).await, until(some));
    assert!(jobs.overdue(all, 0, 1, 5).await.unwrap().more);
    assert!(!jobs.overdue(all, 0, 1, 1000).await.unwrap().more);

    let mut found = Vec::new();
    for segment in 0..7 {
        found.extend(look(all, segment, 7).await);
    }
    found.sort_by_key(|(due_at, job)| (*due_at, job.id));
    assert_eq!(found, until(all));
    for job in &listed {
        jobs.delete_unstarted(job, &Payload(json("1"))).await.unwrap();
    }
}

pub async fn a_slot_is_held_until_its_claim_ends(table: Table) {
    let (jobs, slots) = (JobStore::new(table.clone()), || SlotStore::new(table.clone()));
    let job = put(&jobs, "1").await;
    let (account, t) = (job.account, now());
    let free = async |cap, at| slots().find_free(account, cap, 9, 0, at).await.unwrap();
    let first = claimed(&jobs, &job, "first", t).await;
    let both = free(2, t).await;
    assert_eq!(both.len(), 2);
    assert!(slots().take(account, &both[0], job.id, "first", t + MINUTE).await.unwrap());
    assert!(
        slots().take(account, &both[0], job.id, "first", t + MINUTE).await.unwrap(),
        "the same call twice"
    );
    assert!(!slots().take(account, &both[0], job.id, "other", t + MINUTE).await.unwrap());
    assert_eq!(
        (free(2, t).await.len(), free(1, t).await.len(), free(2, t + MINUTE).await.len()),
        (1, 0, 2)
    );

    // The next attempt uses another slot. Both slots name the same job, and the first is free.
    let ending = AttemptEnd::Queued { attempt: failure(1, t), due_at: t, listed: false };
    assert_eq!(
        jobs.end_attempt(&first.job, EndedBy::without_event("first"), ending, t).await.unwrap(),
        EndResult::Written
    );
    claimed(&jobs, &job, "second", t).await;
    assert!(slots().take(account, &both[1], job.id, "second", t + MINUTE).await.unwrap());
    let left = free(2, t).await;
    assert_eq!(left.len(), 1);
    assert!(slots().take(account, &left[0], job.id, "third", t + MINUTE).await.unwrap());
}

pub async fn an_idempotency_key_is_used_once(table: Table) {
    let records = IdempotencyStore::new(table);
    let (account, key, t) = (account(), IdempotencyKey::of("a"), now());
    let (first, second): (JobId, JobId) =
        (id::generate(t, rand::random()), id::generate(t, rand::random()));
    let begin = async |account, key: &IdempotencyKey, fingerprint, job, at| {
        records.begin(account, key, fingerprint, job, Some(5), at).await.unwrap()
    };
    assert_eq!(begin(account, &key, "x", first, t).await, BeginResult::First);
    assert_eq!(begin(account, &key, "x", first, t).await, BeginResult::First);
    assert_eq!(
        begin(account, &key, "x", second, t + MINUTE).await,
        BeginResult::Repeated { id: first, since: t, accepted: 5 }
    );
    assert_eq!(begin(account, &key, "y", second, t + MINUTE).await, BeginResult::DifferentRequest);
    assert_eq!(begin(account, &IdempotencyKey::of("b"), "x", second, t).await, BeginResult::First);
    assert_eq!(begin(self::account(), &key, "y", second, t).await, BeginResult::First);
    assert_eq!(begin(account, &key, "y", second, t + 25 * 60 * MINUTE).await, BeginResult::First);
}

pub async fn kinds_are_versioned_and_listed(table: Table) {
    let kinds = KindStore::new(table);
    let spec: KindSpec =
        serde_json::from_str(r#"{"schema": {"type": "object"}, "target": {"type": "echo"}}"#)
            .unwrap();
    let unique = now().millis();
    let names: Vec<Name> = (0..3).map(|n| format!("suite-{unique}-{n}").parse().unwrap()).collect();
    let t = now();
    for name in &names {
        assert!(kinds.put(name, &spec, "1", t).await.unwrap().1);
    }
    let (again, new) = kinds.put(&names[0], &spec, "2", t + MINUTE).await.unwrap();
    assert!(!new && again.created_at == t && again.updated_at == t + MINUTE);
    kinds.disable(&names[0], "1").await.unwrap();
    assert!(
        !kinds.find(&names[0]).await.unwrap().unwrap().disabled,
        "disabling an older version keeps a newer one enabled"
    );
    kinds.disable(&names[0], "2").await.unwrap();
    assert!(kinds.find(&names[0]).await.unwrap().unwrap().disabled);
    kinds.put(&names[0], &spec, "3", t).await.unwrap();
    assert!(!kinds.find(&names[0]).await.unwrap().unwrap().disabled);

    let (page, more) = kinds.page(Some(&format!("suite-{unique}-")), 2).await.unwrap();
    assert_eq!(page.iter().map(|kind| &kind.name).collect::<Vec<_>>(), [&names[0], &names[1]]);
    assert!(more);
    for name in &names {
        assert!(kinds.delete(name).await.unwrap());
        assert!(!kinds.delete(name).await.unwrap());
    }
}

pub async fn schedules_are_restored_to_their_previous_definition(table: Table) {
    let schedules = ScheduleStore::new(table);
    let name: Name = format!("suite-{}", now().millis()).parse().unwrap();
    let spec = |expression: &str| -> ScheduleSpec {
        let payload = r#"{"n": 1.50}"#;
        let job = format!(r#"{{"kind": "echo", "payload": {payload}, "metadata": {{"a": "b"}}}}"#);
        let text = format!(
            r#"{{"expression": "{expression}", "account": "{}", "job": {job}}}"#,
            account()
        );
        serde_json::from_str(&text).unwrap()
    };
    let t = now();
    assert!(schedules.find(&name).await.unwrap().is_none());

    let (refused, new) = schedules.put(&name, &spec("rate(1 day)"), "1", t).await.unwrap();
    assert!(new);
    schedules.roll_back(&refused, None).await.unwrap();
    assert!(schedules.find(&name).await.unwrap().is_none());

    let (first, _) = schedules.put(&name, &spec("rate(1 day)"), "2", t).await.unwrap();
    let (second, new) = schedules.put(&name, &spec("rate(2 days)"), "3", t + MINUTE).await.unwrap();
    assert!(!new && second.created_at == t && second.updated_at == t + MINUTE);
    schedules.roll_back(&second, Some(first.clone())).await.unwrap();
    let back = schedules.find(&name).await.unwrap().unwrap();
    assert_eq!(
        (back.version.as_str(), back.spec.expression.as_str(), back.updated_at),
        ("2", "rate(1 day)", t)
    );
    assert_eq!(back.spec.job.payload.as_str(), r#"{"n": 1.50}"#);
    schedules.roll_back(&second, None).await.unwrap();
    assert!(
        schedules.find(&name).await.unwrap().is_some(),
        "a newer definition is not replaced by an older one"
    );

    let (page, _) = schedules
        .page(None, Some(&format!("{}!", &name.as_str()[..name.as_str().len() - 1])), 1)
        .await
        .unwrap();
    assert_eq!(page[0].name, name);
    let names = async || {
        let (page, _) = schedules.page(Some(back.spec.account), None, 2).await.unwrap();
        page.into_iter().map(|schedule| schedule.name).collect::<Vec<_>>()
    };
    assert_eq!(names().await, [name]);
    assert!(schedules.delete(&back).await.unwrap());
    assert_eq!(names().await, []);
    assert!(!schedules.delete(&back).await.unwrap());
}

pub async fn completion_times_are_summed(table: Table) {
    let (account, kind, t) = (account(), "a.b-c_d".parse::<Name>().unwrap(), now());
    let add = async |pace: CompletionTimes| {
        CompletionTimeStore::new(table.clone()).add(account, &kind, pace, t).await.unwrap()
    };
    add(CompletionTimes { jobs: 2, total_ms: 30 }).await;
    add(CompletionTimes { jobs: 1, total_ms: 12 }).await;
    let read = CompletionTimeStore::new(table.clone()).read(account, &kind, t).await.unwrap();
    assert_eq!(read, CompletionTimes { jobs: 3, total_ms: 42 });
    let earlier_hour =
        CompletionTimeStore::new(table).read(account, &kind, t + 60 * MINUTE).await.unwrap();
    assert_eq!(earlier_hour, read);
}
