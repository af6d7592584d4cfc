//! Subscribes a connection to accounts.

use std::collections::BTreeSet;

use api::{Problem, decode_start};
use model::{
    event::{MAX_ACCOUNTS, ReadCursor, ReadFrom},
    id::AccountId,
    push::{ConnectionId, MAX_SUBSCRIBERS, Subscriber},
    time::Time,
    violation::Violation,
};
use store::{Error, SendLeaseResult};

use crate::context::Context;

/// Why a connection isn't subscribed.
#[derive(Debug)]
pub enum SubscribeError {
    Rejected(Problem),
    Store(Error),
}

/// Subscribes the connection, if its key allows that.
pub async fn subscribe(
    context: &Context,
    id: &ConnectionId,
    subscriber: &Subscriber,
    accounts: BTreeSet<AccountId>,
    after: Option<&str>,
) -> Result<SendLeaseResult, SubscribeError> {
    let now = context.clock.now();
    let start = validate(&accounts, after)?;
    if !context.accounts.may_receive_events(subscriber, now).await? {
        return Err(Problem::Unauthenticated.into());
    }
    let accounts = context.accounts.visible_accounts(subscriber, accounts, now).await?;
    let accounts = accounts.ok_or(Problem::NotFound)?;
    // Counted per account, so that a tenant can exhaust only its own limit.
    if !subscriber.is_admin
        && context.connections.subscribers(subscriber.account, now).await?.len() >= MAX_SUBSCRIBERS
    {
        return Err(Problem::TooManySubscribers.into());
    }
    let cursor = start_cursor(context, start, &accounts, now).await?;
    let lease = context.connections.subscribe(id, &accounts, &cursor, now).await?;
    Ok(lease.ok_or(Problem::AlreadySubscribed)?)
}

fn validate(accounts: &BTreeSet<AccountId>, after: Option<&str>) -> Result<ReadFrom, Problem> {
    let mut violations = Vec::new();
    if accounts.len() > MAX_ACCOUNTS {
        let detail = format!("must have at most {MAX_ACCOUNTS} accounts");
        violations.push(Violation::new("/accounts", detail));
    }
    let start = decode_start(after).unwrap_or_else(|error| {
        violations.push(Violation::new("/after", error.to_string()));
        ReadFrom::Oldest
    });
    Problem::check_body(violations)?;
    Ok(start)
}

async fn start_cursor(
    context: &Context,
    start: ReadFrom,
    accounts: &[AccountId],
    now: Time,
) -> Result<ReadCursor, Error> {
    match start {
        ReadFrom::Oldest => Ok(ReadCursor::oldest(now)),
        ReadFrom::Now => context.events.end_cursor(accounts).await,
        ReadFrom::After(cursor) => Ok(cursor),
    }
}

impl From<Problem> for SubscribeError {
    fn from(problem: Problem) -> Self {
        Self::Rejected(problem)
    }
}

impl From<Error> for SubscribeError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}
