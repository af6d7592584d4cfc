//! The feed: events as they come, through outages, by long polls.

use std::time::{Duration, Instant, SystemTime};

use serde_json::value::RawValue;
use shared::{
    api::{MAX_LIMIT, Page},
    time::Time,
};

use super::Event;
use crate::{
    client::{Answer, Call, Client},
    failure::Failure,
    output,
};

/// How long the server is to hold an answer when there is nothing to tell; as long as the API allows.
const WAIT: Duration = Duration::from_secs(20);
/// Between two looks at a server that is away, at first and at most; and between two empty answers of one that doesn't hold them.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Where a feed begins.
#[derive(Debug)]
pub enum Start {
    /// With the oldest event that is kept.
    Oldest,
    /// With what happens from now on, by the server's clock.
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
    since: Since,
    gone: Option<Duration>,
}

/// From when on events are told.
#[derive(Clone, Copy, Debug)]
enum Since {
    Always,
    /// From this moment on, which has to be put into the server's time.
    Here(Instant),
    There(Time),
}

impl Feed {
    /// A feed of these accounts; without any, of the key's own.
    pub fn new(client: &Client, accounts: Vec<String>, start: Start) -> Self {
        let (cursor, since) = match start {
            Start::Oldest => (None, Since::Always),
            Start::Now => (None, Since::Here(Instant::now())),
            Start::After(cursor) => (Some(cursor), Since::Always),
        };
        Self { client: client.impatient(), accounts, cursor, since, gone: None }
    }

    /// From now on, tells these accounts' events, from where it has come to. An account that joins is read from there as well.
    pub fn follow(&mut self, accounts: Vec<String>) {
        self.accounts = accounts;
    }

    /// Where it has come to; [`Start::After`] goes on from there.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Waits for news. May be dropped while it waits, and loses nothing by that. Fails for what doesn't mend itself: a key that isn't good any
    /// more, an account that isn't there.
    pub async fn next(&mut self) -> Result<News, Failure> {
        loop {
            if let Some(pause) = self.gone {
                tokio::time::sleep(pause).await;
                match self.poll(Duration::ZERO).await {
                    // What this brought is read again, with the cursor as it is.
                    Ok(_) => {
                        self.gone = None;
                        return Ok(News::Back);
                    }
                    Err(failure) if failure.is_outage() => self.gone = Some((pause * 2).min(LONGEST_PAUSE)),
                    Err(failure) => return Err(failure),
                }
                continue;
            }
            match self.poll(WAIT).await {
                Ok(page) if page.items.is_empty() => self.cursor = page.next_cursor,
                Ok(page) => {
                    let events = self.wanted(page.items)?;
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

    /// Asks for the next events; for nothing, the answer comes after `wait`.
    async fn poll(&mut self, wait: Duration) -> Result<Page<Box<RawValue>>, Failure> {
        let asked = Instant::now();
        let prefer = (!wait.is_zero()).then(|| format!("wait={}", wait.as_secs()));
        let call = call(&self.accounts, self.cursor.as_deref())
            .query("limit", Some(MAX_LIMIT))
            .header("prefer", prefer);
        let answer = self.client.send(&call).await?;
        if let Since::Here(start) = self.since {
            self.since = Since::There(servers_time(&answer) - start.elapsed());
        }
        let page: Page<Box<RawValue>> = answer.json()?;
        if page.items.is_empty() && asked.elapsed() < PAUSE && !wait.is_zero() {
            // It doesn't hold its answers.
            tokio::time::sleep(PAUSE).await;
        }
        Ok(page)
    }

    /// Those that aren't from before the feed began.
    fn wanted(&self, events: Vec<Box<RawValue>>) -> Result<Vec<Box<RawValue>>, Failure> {
        let Since::There(since) = self.since else { return Ok(events) };
        let mut wanted = Vec::new();
        for event in events {
            if read(&event)?.time >= since {
                wanted.push(event);
            }
        }
        Ok(wanted)
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

/// What time it is at the server, to the second; if it doesn't say, what time it is here.
fn servers_time(answer: &Answer) -> Time {
    let date = answer.header("date").and_then(|date| httpdate::parse_http_date(date).ok());
    let since_1970 =
        date.unwrap_or_else(SystemTime::now).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time::from_seconds(i64::try_from(since_1970.as_secs()).unwrap_or(0))
}
