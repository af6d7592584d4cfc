//! A feed of events that survives outages. The server pushes events over a channel; where the
//! server or the network does not allow that, the feed uses long polls.

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

/// How long the server holds a long poll without events; the API's maximum.
const WAIT: Duration = Duration::from_secs(20);
/// Backoff while the server is down, initial and maximum. `PAUSE` also separates empty polls of a
/// server that does not hold requests.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Backoff after a failed attempt to open a channel, initial and maximum.
const CHANNEL_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_CHANNEL_PAUSE: Duration = Duration::from_secs(3600);
/// Sent instead of a cursor: start at the server's current position.
const NOW: &str = "now";

#[derive(Debug)]
pub enum Start {
    /// With the oldest stored event.
    Oldest,
    /// With the first event after the server's first response.
    Now,
    /// After this cursor.
    After(String),
}

#[derive(Debug)]
pub enum News {
    /// Events, oldest first.
    Events(Vec<Box<RawValue>>),
    /// The server is unreachable or fails. Returned once per outage; the feed keeps retrying.
    Gone(String),
    /// The server is back. The events of the outage follow.
    Back,
}

/// A stream of the events of some accounts. It resumes from the cursor of the last batch that it
/// returned, so an outage loses no event.
#[derive(Debug)]
pub struct Feed {
    client: Client,
    accounts: Vec<String>,
    cursor: Option<String>,
    gone: Option<Duration>,
    /// The push channel, while it is open.
    channel: Option<Channel>,
    /// Earliest time to open a channel; `None` if the server has no push API.
    channel_from: Option<Instant>,
    channel_pause: Duration,
    /// Whether the last poll returned less than a full page. Until then, paging is faster than
    /// the channel.
    is_near: bool,
    /// Removes duplicates: the server may push an event twice.
    seen: Seen,
}

impl Feed {
    /// A feed of these accounts; if empty, of the key's own.
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

    /// Switches to these accounts and continues from the current cursor, which also applies to
    /// added accounts.
    pub fn follow(&mut self, accounts: Vec<String>) {
        if self.accounts != accounts {
            (self.accounts, self.channel) = (accounts, None);
        }
    }

    /// Closes the channel while the feed is not read, so that pushed events do not pile up. The
    /// feed resumes from its cursor.
    pub fn rest(&mut self) {
        self.channel = None;
    }

    /// The current cursor, to resume with [`Start::After`]; `None` before the first response.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref().filter(|cursor| *cursor != NOW)
    }

    /// Fixes the position of a feed that starts now, so that it returns all later events. If the
    /// server is down, [`next`](Self::next) does this.
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

    /// Waits for the next item. Cancel-safe. Fails on permanent errors: a revoked key or an
    /// unknown account.
    pub async fn next(&mut self) -> Result<News, Failure> {
        self.begin().await?;
        loop {
            if let Some(pause) = self.gone {
                tokio::time::sleep(pause).await;
                match self.poll(Duration::ZERO).await {
                    // The cursor stays as it is, so the next poll reads these items again.
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
                    // Polls fill the gap. The pause prevents reopening a channel that fails
                    // immediately in a tight loop.
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
                // A single connection may break while the server is up: it is down if a second
                // request fails as well.
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

    /// Opens a push channel if the server allows it, else schedules the next attempt.
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

    /// Requests the next events; the server holds an empty response for up to `wait`.
    async fn poll(&mut self, wait: Duration) -> Result<Page<Box<RawValue>>, Failure> {
        let asked = Instant::now();
        let prefer = (!wait.is_zero()).then(|| format!("wait={}", wait.as_secs()));
        let call = call(&self.accounts, self.cursor.as_deref())
            .query("limit", Some(MAX_LIMIT))
            .header("prefer", prefer);
        let answer = self.client.send(&call).await?;
        let page: Page<Box<RawValue>> = answer.json()?;
        if page.items.is_empty() && asked.elapsed() < PAUSE && !wait.is_zero() {
            // The server does not hold requests, or too many are waiting and it sends
            // Retry-After.
            tokio::time::sleep(answer.retry_after().unwrap_or(PAUSE).clamp(PAUSE, WAIT)).await;
        }
        Ok(page)
    }
}

pub fn read(event: &RawValue) -> Result<Event, Failure> {
    serde_json::from_str(event.get()).map_err(output::no_json)
}

/// The request for the events after a cursor.
pub fn call(accounts: &[String], after: Option<&str>) -> Call {
    let call = Call::get(&["v1", "events"]).query("after", after);
    accounts.iter().fold(call, |call, account| call.query("account", Some(account)))
}
