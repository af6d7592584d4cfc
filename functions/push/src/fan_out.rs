//! Sends new events of the stream.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, stream};
use model::{
    id::AccountId,
    push::{ConnectionId, MAX_SUBSCRIBERS},
};
use store::Error;

use crate::{
    context::{Context, Invocation},
    deliver::{SendResult, send_with_lease},
};

/// Number of connections served concurrently: all that an account may have, since most of the time
/// is waiting.
const MAX_CONCURRENT: usize = MAX_SUBSCRIBERS;

/// Time limit for sending new events from the stream, since those of other accounts wait behind
/// them. If events remain, the client gets `more` and asks for them.
const STREAM_TIME_LIMIT: Duration = Duration::from_millis(1500);

/// Sends new events to the subscribers of these accounts.
pub async fn fan_out(
    context: &Context,
    accounts: BTreeSet<AccountId>,
    invocation: Invocation<'_>,
) -> Result<(), Error> {
    let connections = subscribers(context, accounts).await?;
    stream::iter(connections)
        .map(async |(id, accounts)| {
            let result = send_with_lease(context, &id, STREAM_TIME_LIMIT, invocation).await?;
            if result == SendResult::Gone {
                for account in accounts {
                    context.connections.unsubscribe(account, &id).await?;
                }
            }
            Ok(())
        })
        .buffer_unordered(MAX_CONCURRENT)
        // A failed connection doesn't hold up the others.
        .fold(Ok(()), async |all, result| all.and(result))
        .await
}

/// The connections subscribed to these accounts, each with its accounts.
async fn subscribers(
    context: &Context,
    accounts: BTreeSet<AccountId>,
) -> Result<BTreeMap<ConnectionId, Vec<AccountId>>, Error> {
    let now = context.clock.now();
    let subscribers = stream::iter(accounts)
        .map(async |account| Ok((account, context.connections.subscribers(account, now).await?)));
    let subscribers: Vec<_> = subscribers.buffer_unordered(MAX_CONCURRENT).try_collect().await?;
    let mut connections: BTreeMap<ConnectionId, Vec<AccountId>> = BTreeMap::new();
    for (account, ids) in subscribers {
        ids.into_iter().for_each(|id| connections.entry(id).or_default().push(account));
    }
    Ok(connections)
}
