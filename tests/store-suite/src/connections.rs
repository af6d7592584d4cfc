//! The contract of connections and send leases.

use std::time::Duration;

use model::{
    event::ReadCursor,
    push::{ConnectionId, Credential, Subscriber, Ticket},
    time::Time,
};
use store::{ConnectionStore, SendLease, SendLeaseResult, Table};

use crate::{MINUTE, account, now};

fn subscriber() -> Subscriber {
    Subscriber { account: account(), is_admin: false, by: Credential::TokenUntil(now() + MINUTE) }
}

fn connection() -> ConnectionId {
    format!("{}=", uuid()).parse().unwrap()
}

fn uuid() -> String {
    format!("{:016x}", rand::random::<u64>())
}

async fn lease(
    connections: &ConnectionStore,
    id: &ConnectionId,
    at: Time,
) -> Option<Box<SendLease>> {
    match connections.acquire_send_lease(id, at).await.unwrap() {
        SendLeaseResult::Acquired(turn) => Some(turn),
        SendLeaseResult::HeldByOther | SendLeaseResult::NothingToSend => None,
    }
}

pub async fn a_ticket_is_redeemed_once(table: Table) {
    let connections = ConnectionStore::new(table);
    let (ticket, whose, t) = (Ticket::generate(rand::random()), subscriber(), now());
    assert_eq!(connections.redeem(&ticket, t).await.unwrap(), None);
    connections.put_ticket(&ticket, &whose, t + MINUTE).await.unwrap();
    assert_eq!(connections.redeem(&ticket, t).await.unwrap(), Some(whose.clone()));
    assert_eq!(connections.redeem(&ticket, t).await.unwrap(), None);
    connections.put_ticket(&ticket, &whose, t + MINUTE).await.unwrap();
    assert_eq!(connections.redeem(&ticket, t + MINUTE).await.unwrap(), None, "expired");
}

pub async fn a_connection_subscribes_once(table: Table) {
    let connections = ConnectionStore::new(table);
    let (id, whose, t) = (connection(), subscriber(), now());
    let (mine, position) = (whose.account, ReadCursor::oldest(t));
    assert!(
        connections.subscribe(&id, &[mine], &position, t).await.unwrap().is_none(),
        "unknown connection"
    );
    connections.open(&id, whose.clone(), t).await.unwrap();
    assert_eq!(connections.find(&id).await.unwrap(), Some(whose));
    assert!(matches!(
        connections.acquire_send_lease(&id, t).await.unwrap(),
        SendLeaseResult::NothingToSend
    ));
    assert_eq!(connections.subscribers(mine, t).await.unwrap(), []);
    let subscribed = connections.subscribe(&id, &[mine], &position, t).await.unwrap();
    let Some(SendLeaseResult::Acquired(turn)) = subscribed else { panic!("{subscribed:?}") };
    assert_eq!(connections.subscribers(mine, t).await.unwrap(), std::slice::from_ref(&id));
    connections.unsubscribe(mine, &id).await.unwrap();
    let again =
        connections.subscribe(&id, &[mine], &ReadCursor::oldest(t + MINUTE), t).await.unwrap();
    assert!(matches!(again, Some(SendLeaseResult::HeldByOther)), "{again:?}");
    let other = connections.subscribe(&id, &[account()], &position, t).await.unwrap();
    assert!(other.is_none(), "{other:?}");
    assert_eq!(turn.position, position);
    assert_eq!(connections.subscribers(mine, t).await.unwrap(), std::slice::from_ref(&id));
    let much_later = t + Duration::from_secs(4 * 3600);
    assert_eq!(connections.subscribers(mine, much_later).await.unwrap(), [], "expired");
    connections.close(&id).await.unwrap();
    assert_eq!(connections.subscribers(mine, t).await.unwrap(), []);
    assert_eq!(connections.find(&id).await.unwrap(), None);
    assert!(matches!(
        connections.acquire_send_lease(&id, t).await.unwrap(),
        SendLeaseResult::NothingToSend
    ));
}

pub async fn only_the_lease_holder_sends(table: Table) {
    let connections = ConnectionStore::new(table);
    let (id, whose, t) = (connection(), subscriber(), now());
    connections.open(&id, whose.clone(), t).await.unwrap();
    let accounts = [whose.account];
    let subscribed =
        connections.subscribe(&id, &accounts, &ReadCursor::oldest(t), t).await.unwrap();
    let Some(SendLeaseResult::Acquired(mut first)) = subscribed else { panic!("{subscribed:?}") };
    assert_eq!((&first.subscriber, &first.accounts), (&whose, &vec![whose.account]));
    first.position = ReadCursor::oldest(t + MINUTE);
    assert!(connections.release_send_lease(first).await.unwrap().is_none());
    // A caller that finds the lease taken leaves a mark, which the holder reads when it ends the
    // lease.
    let second = lease(&connections, &id, t).await.unwrap();
    assert_eq!(second.position, ReadCursor::oldest(t + MINUTE), "continues from its position");
    assert!(matches!(
        connections.acquire_send_lease(&id, t).await.unwrap(),
        SendLeaseResult::HeldByOther
    ));
    let second = connections.release_send_lease(second).await.unwrap().expect("the mark was set");
    assert!(connections.release_send_lease(second).await.unwrap().is_none());
    // A lease expires, and its former holder cannot end it any more.
    let lost = lease(&connections, &id, t).await.unwrap();
    assert!(lease(&connections, &id, t + MINUTE / 2).await.is_none());
    let mut last = lease(&connections, &id, t + MINUTE).await.unwrap();
    last.position = ReadCursor::oldest(t);
    assert!(connections.release_send_lease(lost).await.unwrap().is_none());
    assert!(lease(&connections, &id, t + MINUTE).await.is_none(), "still held");
    assert!(connections.release_send_lease(last).await.unwrap().is_some(), "the mark was set");
}
