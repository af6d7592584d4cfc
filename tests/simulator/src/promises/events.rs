//! Subscribers get all events, none twice, and each writer's events in the order of their
//! acceptance.

use super::{BrokenPromise, History, JobHistory, SubscriberHistory, TargetAction};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const NOTHING_TWICE: &str = "subscribers get no event twice";
const NOTHING_MISSED: &str = "subscribers miss nothing";
const IN_ORDER: &str = "a writer's events arrive in order";
const ENDS_ONCE: &str = "each end of a job is published once";

pub(super) fn check(notes: &History) -> Vec<BrokenPromise> {
    let checks = notes.subscribers.iter().flat_map(|subscriber| {
        let jobs = notes.jobs.iter().filter(|job| job.account == subscriber.account);
        let ends = jobs.clone().filter_map(|job| published_end(subscriber, job));
        let published = jobs.filter_map(|job| job_published(subscriber, job));
        twice(subscriber)
            .into_iter()
            .chain(writers(subscriber, notes))
            .chain(ends)
            .chain(published)
            .collect::<Vec<_>>()
    });
    checks.collect()
}

fn twice(subscriber: &SubscriberHistory) -> Option<BrokenPromise> {
    let mut seen = BTreeSet::new();
    let again = subscriber.events.iter().find(|event| !seen.insert(event["id"].to_string()))?;
    Some(BrokenPromise::new(NOTHING_TWICE, &subscriber.name, again.to_string()))
}

/// Positions of the events with this data among a subscriber's events.
fn places(subscriber: &SubscriberHistory, data: &Value) -> Vec<usize> {
    let events = subscriber.events.iter().enumerate();
    events
        .filter(|(_, event)| event["type"] == "data" && event["data"] == *data)
        .map(|(n, _)| n)
        .collect()
}

fn writers(subscriber: &SubscriberHistory, notes: &History) -> Vec<BrokenPromise> {
    let mut broken = Vec::new();
    let mut last = BTreeMap::<&str, usize>::new();
    for event in notes.published.iter().filter(|event| event.account == subscriber.account) {
        let is_accepted = event.tries.iter().any(|told| told.status == Some(202));
        let about = format!("{}, event {} of {}", subscriber.name, event.data, event.writer);
        match places(subscriber, &event.data)[..] {
            [] if is_accepted => {
                broken.push(BrokenPromise::new(NOTHING_MISSED, about, "accepted but not received"))
            }
            [] => {}
            [place] => {
                let before = last.insert(&event.writer, place);
                if before.is_some_and(|before| before > place) && is_accepted {
                    broken.push(BrokenPromise::new(
                        IN_ORDER,
                        about,
                        format!("at position {place}, its predecessor at {before:?}"),
                    ));
                }
            }
            ref places => broken.push(BrokenPromise::new(
                NOTHING_TWICE,
                about,
                format!("received at positions {places:?}"),
            )),
        }
    }
    broken
}

/// One event per end. A retry with an unknown result allows one more.
fn published_end(subscriber: &SubscriberHistory, job: &JobHistory) -> Option<BrokenPromise> {
    let (id, last) = (job.id().filter(|_| job.publishes_end)?, job.last()?);
    let told: Vec<_> = subscriber
        .events
        .iter()
        .filter(|event| event["data"]["job_id"] == id)
        .map(|event| event["type"].as_str().unwrap_or_default())
        .collect();
    let known = 1 + job.retries.iter().filter(|retry| retry.status == Some(202)).count();
    let most = 1 + job.possible_retries().count();
    let is_last = told.last().is_some_and(|kind| *kind == format!("job.{}", last.job_status()));
    let is_right = (known..=most).contains(&told.len()) && (is_last || most > 1);
    let seen = format!(
        "{} received {told:?} for a job that is {}, expected {known} to {most} ends",
        subscriber.name,
        last.job_status()
    );
    (!is_right).then(|| BrokenPromise::new(ENDS_ONCE, job, seen))
}

/// A completed job with an event target published one event. Any other published at most one.
fn job_published(subscriber: &SubscriberHistory, job: &JobHistory) -> Option<BrokenPromise> {
    if !matches!(job.action, TargetAction::Event) || job.id().is_none() {
        return None;
    }
    let seen = places(subscriber, &job.payload).len();
    let is_completed = job.last()?.job_status() == "completed";
    let most = 1 + job.possible_retries().count();
    let promise = if seen == 0 { NOTHING_MISSED } else { NOTHING_TWICE };
    let is_right = (usize::from(is_completed)..=most).contains(&seen);
    (!is_right).then(|| {
        BrokenPromise::new(
            promise,
            job,
            format!("{} received its event {seen} times", subscriber.name),
        )
    })
}
