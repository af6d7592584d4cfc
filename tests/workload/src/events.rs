//! Publishers and subscribers of events.

use crate::{
    ActorRng, World,
    scenario::{Request, SUBMIT_PERIOD_MS, Tenant},
};
use futures::future::join_all;
use serde_json::{Value, json};
use sim::promises::{EventHistory, History, SubscriberHistory};
use std::cell::RefCell;

/// Empty pages after which a subscriber stops. Cursors advance with a real clock even without
/// events.
const MAX_EMPTY_PAGES: usize = 10;
/// Subscribers per tenant that read during the whole run.
const SUBSCRIBERS_PER_TENANT: usize = 2;

/// Every tenant publishes so many events, one at a time.
pub async fn publishers(world: &impl World, events: u64) {
    join_all(
        world.tenants().iter().enumerate().map(|(n, tenant)| publisher(world, tenant, n, events)),
    )
    .await;
}

async fn publisher(world: &impl World, tenant: &Tenant, machine: usize, events: u64) {
    let writer = format!("writer-{machine}");
    let dice = ActorRng::new(world.seed(), &*writer);
    let path = format!("/v1/accounts/{}/events", tenant.account);
    for n in 0..events {
        world.sleep(dice.millis(0..2 * SUBMIT_PERIOD_MS / events)).await;
        let data = json!({"writer": writer, "n": n});
        let mut note = EventHistory {
            account: tenant.account.clone(),
            writer: writer.clone(),
            data,
            tries: Vec::new(),
        };
        let key = Some(format!("{writer}/{n}"));
        let request = Request::post(&path, Some(json!({"data": note.data}))).with_key(key);
        // A writer keeps its machine, even after the process there is replaced.
        let request = Request { process: Some(machine), ..request };
        let mut is_accepted = false;
        while !is_accepted {
            let told = world.send_request(tenant, request.clone()).await;
            is_accepted = told.status == Some(202);
            let may_be_repeated = matches!(told.status, None | Some(409 | 500..));
            assert!(is_accepted || may_be_repeated, "unexpected response: {told:?}");
            note.tries.push(told);
            if !is_accepted {
                world.sleep(dice.seconds(1..6)).await;
            }
        }
        world.notes().borrow_mut().published.push(note);
    }
}

/// A subscriber that stores its cursor together with the events.
pub struct Subscriber<'a, W> {
    world: &'a W,
    tenant: &'a Tenant,
    dice: ActorRng,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    cursor: Option<String>,
    events: Vec<Value>,
}

/// The subscribers that read during the whole run.
pub fn permanent_subscribers<W: World>(world: &W) -> Vec<Subscriber<'_, W>> {
    let all = world
        .tenants()
        .iter()
        .flat_map(|tenant| (0..SUBSCRIBERS_PER_TENANT).map(move |n| (tenant, n)));
    all.map(|(tenant, n)| Subscriber::new(world, tenant, &format!("{} {n}", tenant.account)))
        .collect()
}

impl<'a, W: World> Subscriber<'a, W> {
    fn new(world: &'a W, tenant: &'a Tenant, name: &str) -> Self {
        let dice = ActorRng::new(world.seed(), format!("subscriber {name}"));
        Self { world, tenant, dice, state: RefCell::default() }
    }

    /// Reads pages forever, with occasional long pauses.
    pub async fn read_forever(&self) {
        loop {
            let is_away = self.dice.chance(3);
            let pause =
                if is_away { self.dice.seconds(60..240) } else { self.dice.millis(100..40_000) };
            self.world.sleep(pause).await;
            self.read().await;
        }
    }

    /// Reads a page. Returns whether there may be more.
    async fn read(&self) -> bool {
        let after = self.state.borrow().cursor.as_ref().map(|cursor| format!("&after={cursor}"));
        let path =
            format!("/v1/events?limit={}{}", self.dice.in_range(1..60), after.unwrap_or_default());
        // Without a response it repeats the read from its cursor.
        let answer = self.world.send_request(self.tenant, Request::get(path)).await;
        if answer.status != Some(200) {
            return true;
        }
        let page = answer.body["items"].as_array().unwrap().clone();
        let cursor = answer.body["next_cursor"].as_str().map(str::to_owned);
        let mut state = self.state.borrow_mut();
        let is_news = !page.is_empty() || state.cursor != cursor;
        state.events.extend(page);
        state.cursor = cursor;
        is_news
    }

    /// Reads the remaining events after everything has ended.
    async fn read_remaining(&self, name: &str) -> SubscriberHistory {
        let mut empty = 0;
        while empty < MAX_EMPTY_PAGES {
            let before = self.state.borrow().events.len();
            let is_news = self.read().await;
            let is_empty = self.state.borrow().events.len() == before;
            empty = match (is_news, is_empty) {
                (false, _) => MAX_EMPTY_PAGES,
                (true, true) => empty + 1,
                (true, false) => 0,
            };
        }
        let events = std::mem::take(&mut self.state.borrow_mut().events);
        SubscriberHistory { name: name.to_owned(), account: self.tenant.account.clone(), events }
    }
}

/// Reads the remaining events, with the subscribers of the run and with new ones.
pub async fn read_all<W: World>(world: &W, subscribers: &[Subscriber<'_, W>], notes: &mut History) {
    for subscriber in subscribers {
        notes.subscribers.push(subscriber.read_remaining("subscriber during the run").await);
    }
    for tenant in world.tenants() {
        let late = Subscriber::new(world, tenant, "late");
        notes.subscribers.push(late.read_remaining("subscriber after the run").await);
    }
}
