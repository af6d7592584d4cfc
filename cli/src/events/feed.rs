//! A feed of events that survives outages. The server pushes events over a channel; where the
//! server or the network does not allow that, the feed uses long polls.

mod channel;
mod dedup;

use std::time::{Duration, Instant};

use api::{MAX_LIMIT, Page};
use serde_json::value::RawValue;

use channel::{Channel, ChannelError};
use dedup::Deduplicator;

use super::Event;
use crate::{
    client::{Client, Request},
    failure::Failure,
    output,
};

/// How long the server holds a long poll without events; the API's maximum.
const LONG_POLL: Duration = Duration::from_secs(20);
/// Backoff while the server is down, initial and maximum. The initial one also separates empty
/// polls of a server that does not hold requests.
const INITIAL_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// Backoff after a failed attempt to open a channel, initial and maximum.
const CHANNEL_BACKOFF: Duration = Duration::from_secs(60);
const MAX_CHANNEL_BACKOFF: Duration = Duration::from_secs(3600);
/// Sent instead of a cursor: start at the server's current position.
const NOW: &str = "now";

#[derive(Debug)]
pub enum StartPosition {
    /// With the oldest stored event.
    Oldest,
    /// With the first event after the server's first response.
    Now,
    /// After this cursor.
    After(String),
}

#[derive(Debug)]
pub enum FeedItem {
    /// Events, oldest first.
    Events(Vec<Box<RawValue>>),
    /// The server is unreachable or fails. Returned once per outage; the feed keeps retrying.
    Outage(String),
    /// The server is back. The events of the outage follow.
    Recovered,
}

/// A stream of the events of some accounts. It resumes from the cursor of the last batch that it
/// returned, so an outage loses no event.
#[derive(Debug)]
pub struct Feed {
    client: Client,
    accounts: Vec<String>,
    cursor: Option<String>,
    outage_backoff: Option<Duration>,
    /// The push channel, while it is open.
    channel: Option<Channel>,
    /// Earliest time to open a channel; `None` if the server has no push API.
    channel_retry_at: Option<Instant>,
    channel_backoff: Duration,
    /// Whether the last poll returned less than a full page. Until then, paging is faster than
    /// the channel.
    is_caught_up: bool,
    /// Removes duplicates: the server may push an event twice.
    dedup: Deduplicator,
}

impl Feed {
    /// A feed of these accounts; if empty, of the key's own.
    pub fn new(client: &Client, accounts: Vec<String>, start: StartPosition) -> Self {
        let cursor = match start {
            StartPosition::Oldest => None,
            StartPosition::Now => Some(NOW.to_owned()),
            StartPosition::After(cursor) => Some(cursor),
        };
        let client = client.without_retries();
        Self {
            client,
            accounts,
            cursor,
            outage_backoff: None,
            channel: None,
            channel_retry_at: Some(Instant::now()),
            channel_backoff: CHANNEL_BACKOFF,
            is_caught_up: false,
            dedup: Deduplicator::default(),
        }
    }

    /// Switches to these accounts and continues from the current cursor, which also applies to
    /// added accounts.
    pub fn set_accounts(&mut self, accounts: Vec<String>) {
        if self.accounts != accounts {
            (self.accounts, self.channel) = (accounts, None);
        }
    }

    /// Closes the channel while the feed is not read, so that pushed events do not pile up. The
    /// feed resumes from its cursor.
    pub fn pause(&mut self) {
        self.channel = None;
    }

    /// The current cursor, to resume with [`StartPosition::After`]; `None` before the first
    /// response.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref().filter(|cursor| *cursor != NOW)
    }

    /// Fixes the position of a feed that starts now, so that it returns all later events. If the
    /// server is down, [`next`](Self::next) does this.
    pub async fn fix_position(&mut self) -> Result<(), Failure> {
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
    pub async fn next(&mut self) -> Result<FeedItem, Failure> {
        self.fix_position().await?;
        loop {
            let may_open = self.channel_retry_at.is_some_and(|from| from <= Instant::now());
            let item = if let Some(pause) = self.outage_backoff {
                self.retry_after_outage(pause).await?
            } else if self.channel.is_some() {
                self.next_from_channel().await?
            } else if may_open && self.is_caught_up {
                self.open_channel().await;
                None
            } else {
                self.next_from_poll(if may_open { Duration::ZERO } else { LONG_POLL }).await?
            };
            if let Some(item) = item {
                return Ok(item);
            }
        }
    }

    /// Polls again after a pause.
    async fn retry_after_outage(&mut self, pause: Duration) -> Result<Option<FeedItem>, Failure> {
        tokio::time::sleep(pause).await;
        match self.poll(Duration::ZERO).await {
            // The cursor stays as it is, so the next poll reads these items again.
            Ok(page) => {
                self.outage_backoff = None;
                if page.items.is_empty() {
                    self.cursor = page.next_cursor;
                }
                Ok(Some(FeedItem::Recovered))
            }
            Err(failure) if failure.is_outage() => {
                self.outage_backoff = Some((pause * 2).min(MAX_BACKOFF));
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// The next events pushed over the channel, if it is still open.
    async fn next_from_channel(&mut self) -> Result<Option<FeedItem>, Failure> {
        let next = match &mut self.channel {
            Some(channel) => channel.next().await,
            None => None,
        };
        let Some((events, cursor)) = next else {
            // Polls fill the gap. The pause prevents reopening a channel that fails immediately
            // in a tight loop.
            (self.channel, self.channel_retry_at) = (None, Some(Instant::now() + INITIAL_BACKOFF));
            return Ok(None);
        };
        let events = self.dedup.remove_seen(events)?;
        self.cursor = Some(cursor);
        Ok((!events.is_empty()).then_some(FeedItem::Events(events)))
    }

    /// The next page, if it has new events, or the beginning of an outage.
    async fn next_from_poll(&mut self, wait: Duration) -> Result<Option<FeedItem>, Failure> {
        match self.poll(wait).await {
            Ok(page) => {
                self.is_caught_up = page.items.len() < MAX_LIMIT;
                let events = self.dedup.remove_seen(page.items)?;
                self.cursor = page.next_cursor;
                Ok((!events.is_empty()).then_some(FeedItem::Events(events)))
            }
            // A single connection may break while the server is up: it is down if a second
            // request fails as well.
            Err(failure) if failure.is_outage() => {
                if !self.poll(Duration::ZERO).await.is_err_and(|failure| failure.is_outage()) {
                    return Ok(None);
                }
                self.outage_backoff = Some(INITIAL_BACKOFF);
                let said = failure.to_string();
                Ok(Some(FeedItem::Outage(said.lines().next().unwrap_or_default().to_owned())))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Opens a push channel if the server allows it, else schedules the next attempt.
    async fn open_channel(&mut self) {
        match Channel::open(&self.client, &self.accounts, self.cursor.as_deref()).await {
            Ok(channel) => (self.channel, self.channel_backoff) = (Some(channel), CHANNEL_BACKOFF),
            Err(ChannelError::Unsupported) => self.channel_retry_at = None,
            Err(ChannelError::Unavailable) => {
                self.channel_retry_at = Some(Instant::now() + self.channel_backoff);
                self.channel_backoff = (self.channel_backoff * 2).min(MAX_CHANNEL_BACKOFF);
            }
        }
    }

    /// Requests the next events; the server holds an empty response for up to `wait`.
    async fn poll(&mut self, wait: Duration) -> Result<Page<Box<RawValue>>, Failure> {
        let asked = Instant::now();
        let prefer = (!wait.is_zero()).then(|| format!("wait={}", wait.as_secs()));
        let call = events_request(&self.accounts, self.cursor.as_deref())
            .query("limit", Some(MAX_LIMIT))
            .header("prefer", prefer);
        let answer = self.client.send(&call).await?;
        let page: Page<Box<RawValue>> = answer.json()?;
        if page.items.is_empty() && asked.elapsed() < INITIAL_BACKOFF && !wait.is_zero() {
            // The server does not hold requests, or too many are waiting and it sends
            // Retry-After.
            tokio::time::sleep(
                answer.retry_after().unwrap_or(INITIAL_BACKOFF).clamp(INITIAL_BACKOFF, LONG_POLL),
            )
            .await;
        }
        Ok(page)
    }
}

pub fn parse_event(event: &RawValue) -> Result<Event, Failure> {
    serde_json::from_str(event.get()).map_err(output::invalid_response)
}

/// The request for the events after a cursor.
pub fn events_request(accounts: &[String], after: Option<&str>) -> Request {
    let call = Request::get(&["v1", "events"]).query("after", after);
    accounts.iter().fold(call, |call, account| call.query("account", Some(account)))
}
