//! The contract of connections and send leases.

use std::time::Duration;

use shared::{
    aws::{ConnectionStore, Table, Turn, Turned},
    event::Position,
    push::{ConnectionId, Credential, Subscriber, Ticket},
    time::Time,
};

use super::{MINUTE, account, now};

fn subscriber() -> Subscriber {
    Subscriber { account: account(), is_admin: false, by: Credential::TokenUntil(now() + MINUTE) }
}

fn connection() -> ConnectionId {
    format!("{}=", uuid()).parse().unwrap()
}

fn uuid() -> String {
    format!("{:016x}", rand::random::<u64>())
}

async fn turn(connections: &ConnectionStore, id: &ConnectionId, at: Time) -> Option<Box<Turn>> {
    match connections.begin(id, at).await.unwrap() {
        Turned::Given(turn) => Some(turn),
        Turned::Taken | Turned::Idle => None,
    }
}

pub async fn a_ticket_is_good_once(table: Table) {
    let connections = ConnectionStore::new(table);
    let (ticket, whose, t) = (Ticket::mint(rand::random()), subscriber(), now());
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
    let (mine, position) = (whose.account, Position::oldest(t));
    assert!(
        connections.subscribe(&id, &[mine], &position, t).await.unwrap().is_none(),
        "unknown connection"
    );
    connections.open(&id, whose.clone(), t).await.unwrap();
    assert_eq!(connections.find(&id).await.unwrap(), Some(whose));
    assert!(matches!(connections.begin(&id, t).await.unwrap(), Turned::Idle));
    assert_eq!(connections.subscribers(mine, t).await.unwrap(), []);
    let subscribed = connections.subscribe(&id, &[mine], &position, t).await.unwrap();
    let Some(Turned::Given(turn)) = subscribed else { panic!("{subscribed:?}") };
    assert_eq!(connections.subscribers(mine, t).await.unwrap(), std::slice::from_ref(&id));
    connections.strike(mine, &id).await.unwrap();
    let again =
        connections.subscribe(&id, &[mine], &Position::oldest(t + MINUTE), t).await.unwrap();
    assert!(matches!(again, Some(Turned::Taken)), "{again:?}");
    let other = connections.subscribe(&id, &[account()], &position, t).await.unwrap();
    assert!(other.is_none(), "{other:?}");
    assert_eq!(turn.position, position);
    assert_eq!(connections.subscribers(mine, t).await.unwrap(), std::slice::from_ref(&id));
    let much_later = t + Duration::from_secs(4 * 3600);
    assert_eq!(connections.subscribers(mine, much_later).await.unwrap(), [], "expired");
    connections.close(&id).await.unwrap();
    assert_eq!(connections.subscribers(mine, t).await.unwrap(), []);
    assert_eq!(connections.find(&id).await.unwrap(), None);
    assert!(matches!(connections.begin(&id, t).await.unwrap(), Turned::Idle));
}

pub async fn one_at_a_time_sends(table: Table) {
    let connections = ConnectionStore::new(table);
    let (id, whose, t) = (connection(), subscriber(), now());
    connections.open(&id, whose.clone(), t).await.unwrap();
    let accounts = [whose.account];
    let subscribed = connections.subscribe(&id, &accounts, &Position::oldest(t), t).await.unwrap();
    let Some(Turned::Given(mut first)) = subscribed else { panic!("{subscribed:?}") };
    assert_eq!((&first.subscriber, &first.accounts), (&whose, &vec![whose.account]));
    first.position = Position::oldest(t + MINUTE);
    assert!(connections.end(first).await.unwrap().is_none());
    // A caller that finds the lease taken leaves a mark, which the holder reads when it ends the
    // lease.
    let second = turn(&connections, &id, t).await.unwrap();
    assert_eq!(second.position, Position::oldest(t + MINUTE), "continues from its position");
    assert!(matches!(connections.begin(&id, t).await.unwrap(), Turned::Taken));
    let second = connections.end(second).await.unwrap().expect("the mark was set");
    assert!(connections.end(second).await.unwrap().is_none());
    // A lease expires, and its former holder cannot end it any more.
    let lost = turn(&connections, &id, t).await.unwrap();
    assert!(turn(&connections, &id, t + MINUTE / 2).await.is_none());
    let mut last = turn(&connections, &id, t + MINUTE).await.unwrap();
    last.position = Position::oldest(t);
    assert!(connections.end(lost).await.unwrap().is_none());
    assert!(turn(&connections, &id, t + MINUTE).await.is_none(), "still held");
    assert!(connections.end(last).await.unwrap().is_some(), "the mark was set");
}
