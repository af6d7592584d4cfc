//! The feed: events as they come, through outages. The server pushes them where it can; where it can't, or the network in between, long polls
//! bring them.

mod channel;
mod seen;

use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use shared::api::{MAX_LIMIT, Page};

use channel::{Channel, NoChannel};
use seen::Seen;

use super::Event;
use crate::{
    client::{Call, Client},
    failure::Failure,
    output,
};

/// How long the server is to hold an answer when there is nothing to tell; as long as the API allows.
const WAIT: Duration = Duration::from_secs(20);
/// Between two looks at a server that is away, at first and at most; and between two empty answers of one that doesn't hold them.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// When a channel is tried again that couldn't be opened, at first and at most.
const CHANNEL_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_CHANNEL_PAUSE: Duration = Duration::from_secs(3600);
/// In the place of a cursor: where the server is when it is asked.
const NOW: &str = "now";

/// Where a feed begins.
#[derive(Debug)]
pub enum Start {
    /// With the oldest event that is kept.
    Oldest,
    /// With what happens once the server has first answered.
    Now,
    /// Behind this cursor.
    After(String),
}

/// What a feed tells.
#[derive(Debug)]
pub enum News {
    /// Events, oldest first.
    Events(Vec<Box<RawValue>>),
    /// The server can't be reached, or fails. Told once; it is asked again until it is back.
    Gone(String),
    /// The server is back. What happened meanwhile follows.
    Back,
}

/// Events of some accounts as they come. It begins and goes on by the cursor that the server gave with the last events that were told, so
/// that an outage costs none.
#[derive(Debug)]
pub struct Feed {
    client: Client,
    accounts: Vec<String>,
    cursor: Option<String>,
    gone: Option<Duration>,
    /// Over which the server pushes events.
    channel: Option<Channel>,
    /// When one may be tried; never, where the server has none.
    channel_from: Option<Instant>,
    channel_pause: Duration,
    /// Whether little was left when it polled last: what is far back comes faster by pages.
    is_near: bool,
    /// The server may push an event twice.
    seen: Seen,
}

impl Feed {
    /// A feed of these accounts; without any, of the key's own.
    pub fn new(client: &Client, accounts: Vec<String>, start: Start) -> Self {
        let cursor = match start {
            Start::Oldest => None,
            Start::Now => Some(NOW.to_owned()),
            Start::After(cursor) => Some(cursor),
        };
        let client = client.impatient();
        Self {
            client,
            accounts,
            cursor,
            gone: None,
            channel: None,
            channel_from: Some(Instant::now()),
            channel_pause: CHANNEL_PAUSE,
            is_near: false,
            seen: Seen::default(),
        }
    }

    /// From now on, tells these accounts' events, from where it has come to. An account that joins is read from there as well.
    pub fn follow(&mut self, accounts: Vec<String>) {
        if self.accounts != accounts {
            (self.accounts, self.channel) = (accounts, None);
        }
    }

    /// Nobody listens for a while: what is pushed meanwhile would pile up. It goes on from where it has come to.
    pub fn rest(&mut self) {
        self.channel = None;
    }

    /// Where it has come to; [`Start::After`] goes on from there.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref().filter(|cursor| *cursor != NOW)
    }

    /// Begins, unless it has begun or the server is away; then [`next`](Self::next) does. What happens from then on is told.
    pub async fn begin(&mut self) -> Result<(), Failure> {
        if self.cursor().is_none() && self.cursor.is_some() {
            match self.poll(Duration::ZERO).await {
                Ok(page) => self.cursor = page.next_cursor,
                Err(failure) if failure.is_outage() => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// Waits for news. May be dropped while it waits, and loses nothing by that. Fails for what doesn't mend itself: a key that isn't good any
    /// more, an account that isn't there.
    pub async fn next(&mut self) -> Result<News, Failure> {
        self.begin().await?;
        loop {
            if let Some(pause) = self.gone {
                tokio::time::sleep(pause).await;
                match self.poll(Duration::ZERO).await {
                    // What this brought is read again, with the cursor as it is.
                    Ok(page) => {
                        self.gone = None;
                        if page.items.is_empty() {
                            self.cursor = page.next_cursor;
                        }
                        return Ok(News::Back);
                    }
                    Err(failure) if failure.is_outage() => {
                        self.gone = Some((pause * 2).min(LONGEST_PAUSE))
                    }
                    Err(failure) => return Err(failure),
                }
                continue;
            }
            if let Some(channel) = &mut self.channel {
                let Some((events, cursor)) = channel.next().await else {
                    // What comes meanwhile is polled for; and one that dies at once isn't opened again at once.
                    (self.channel, self.channel_from) = (None, Some(Instant::now() + PAUSE));
                    continue;
                };
                let events = self.seen.new_ones(events)?;
                self.cursor = Some(cursor);
                if !events.is_empty() {
                    return Ok(News::Events(events));
                }
                continue;
            }
            let may_open = self.channel_from.is_some_and(|from| from <= Instant::now());
            if may_open && self.is_near {
                self.open_channel().await;
                continue;
            }
            match self.poll(if may_open { Duration::ZERO } else { WAIT }).await {
                Ok(page) => {
                    self.is_near = page.items.len() < MAX_LIMIT;
                    let events = self.seen.new_ones(page.items)?;
                    self.cursor = page.next_cursor;
                    if !events.is_empty() {
                        return Ok(News::Events(events));
                    }
                }
                // A connection may break and the server be there: it is away if a second look fails as well.
                Err(failure) if failure.is_outage() => {
                    if self.poll(Duration::ZERO).await.is_err_and(|failure| failure.is_outage()) {
                        self.gone = Some(PAUSE);
                        let said = failure.to_string();
                        return Ok(News::Gone(said.lines().next().unwrap_or_default().to_owned()));
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Has the server push events from now on, if it can.
    async fn open_channel(&mut self) {
        match Channel::open(&self.client, &self.accounts, self.cursor.as_deref()).await {
            Ok(channel) => (self.channel, self.channel_pause) = (Some(channel), CHANNEL_PAUSE),
            Err(NoChannel::Never) => self.channel_from = None,
            Err(NoChannel::Now) => {
                self.channel_from = Some(Instant::now() + self.channel_pause);
                self.channel_pause = (self.channel_pause * 2).min(LONGEST_CHANNEL_PAUSE);
            }
        }
    }

    /// Asks for the next events; for nothing, the answer comes after `wait`.
    async fn poll(&mut self, wait: Duration) -> Result<Page<Box<RawValue>>, Failure> {
        let asked = Instant::now();
        let prefer = (!wait.is_zero()).then(|| format!("wait={}", wait.as_secs()));
        let call = call(&self.accounts, self.cursor.as_deref())
            .query("limit", Some(MAX_LIMIT))
            .header("prefer", prefer);
        let answer = self.client.send(&call).await?;
        let page: Page<Box<RawValue>> = answer.json()?;
        if page.items.is_empty() && asked.elapsed() < PAUSE && !wait.is_zero() {
            // It doesn't hold its answers, or too many wait already and it says when to come back.
            tokio::time::sleep(answer.retry_after().unwrap_or(PAUSE).clamp(PAUSE, WAIT)).await;
        }
        Ok(page)
    }
}

/// Reads an event.
pub fn read(event: &RawValue) -> Result<Event, Failure> {
    serde_json::from_str(event.get()).map_err(output::no_json)
}

/// The call for the events behind a cursor.
pub fn call(accounts: &[String], after: Option<&str>) -> Call {
    let call = Call::get(&["v1", "events"]).query("after", after);
    accounts.iter().fold(call, |call, account| call.query("account", Some(account)))
}
