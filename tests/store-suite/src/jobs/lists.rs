//! The contract of lists of jobs: by age, by kind, and those overdue.

use std::time::Duration;

use model::{
    id,
    job::{Job, JobMessage, Payload, Status},
    kind::Discipline,
    name::Name,
};
use store::{AttemptEnd, EndResult, Filter, JobStore, Table};

use super::{claimed, end, job, put};
use crate::{MINUTE, account, json, now};

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
    assert_eq!(end(&jobs, &held.job, "me", ending, t).await, EndResult::Written);
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
