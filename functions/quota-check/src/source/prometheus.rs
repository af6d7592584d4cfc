//! Fetches and sums Prometheus pages.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    time::Duration,
};

use model::{
    endpoint::Headers,
    id::AccountId,
    usage::{
        Counter, MAX_SERIES, Selection, Series,
        prometheus_text::{PageParser, Sample, Unreadable},
    },
};
use outbound::{AddressNotPublic, Outbound, OutboundError, is_address_refused};

/// Time limit for a page; a run has about half a minute.
const TIME_LIMIT: Duration = Duration::from_secs(15);
/// Maximum size of a page after decompression.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The counters of a page.
#[derive(Debug, Default)]
pub struct Counters {
    /// The usable series.
    pub by_series: BTreeMap<Series, Sum>,
    /// The first unusable sample, and the number of others.
    pub warning: Option<String>,
    /// Whether some samples have, or may have, unknown values. A series that is new on the next
    /// page may then be older than it seems.
    pub in_part: bool,
    /// Whether some lines could not be parsed, so that their series is unknown.
    pub has_gaps: bool,
}

/// The sum of a series' samples.
#[derive(Clone, Copy, Debug)]
pub struct Sum {
    pub value: u64,
    pub samples: u32,
}

/// Why collecting a source failed. The text is stored for its operator.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address is private.
    #[error("the address is private, which this gateway does not allow")]
    NotAllowed,
    #[error("unreachable")]
    Unreachable,
    /// The connection broke off during the response.
    #[error("it closed the connection")]
    BrokenOff,
    #[error("no complete response within {} s", TIME_LIMIT.as_secs())]
    TooSlow,
    /// The status isn't 200.
    #[error("status {0}")]
    Status(u16),
    #[error("the page exceeds {} MiB", MAX_BYTES / 1024 / 1024)]
    TooLarge,
    /// The response isn't a Prometheus page.
    #[error(transparent)]
    InvalidPage(#[from] model::usage::prometheus_text::InvalidPage),
    #[error("the page has more than {MAX_SERIES} series")]
    TooManySeries,
    /// An internal error, which is logged.
    #[error("internal gateway error")]
    Internal,
}

/// Fetches a page and sums its samples by series.
pub async fn collect(
    outbound: &Outbound,
    (address, headers): (&str, &Headers),
    selection: &Selection,
    account: Option<AccountId>,
) -> Result<Counters, FetchError> {
    let read = read(outbound, (address, headers), selection, account);
    tokio::time::timeout(TIME_LIMIT, read).await.unwrap_or(Err(FetchError::TooSlow))
}

async fn read(
    outbound: &Outbound,
    (address, headers): (&str, &Headers),
    selection: &Selection,
    account: Option<AccountId>,
) -> Result<Counters, FetchError> {
    let (client, url) = outbound.prepare(address)?;
    let mut request = client.get(url).header("accept", "text/plain;version=0.0.4, */*;q=0.1");
    for (name, value) in &headers.0 {
        request = request.header(name, value);
    }
    let mut response = outbound.send(request).await.map_err(|error| fetch_error(&error))?;
    if response.status().as_u16() != 200 {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    let (mut page, mut sums) =
        (PageParser::new(&selection.metric), SampleSums::new(selection, account));
    let mut bytes = 0;
    while let Some(chunk) = response.chunk().await.map_err(|error| fetch_error(&error))? {
        bytes += chunk.len();
        if bytes > MAX_BYTES {
            return Err(FetchError::TooLarge);
        }
        page.read(&chunk, &mut |sample| sums.add(sample));
        if sums.by_series.len() > MAX_SERIES {
            return Err(FetchError::TooManySeries);
        }
    }
    let is_complete = page.end(&mut |sample| sums.add(sample))?;
    let counters = sums.counters();
    Ok(Counters { in_part: counters.in_part || !is_complete, ..counters })
}

struct SampleSums<'a> {
    selection: &'a Selection,
    account: Option<AccountId>,
    /// The sum and number of samples by series.
    by_series: BTreeMap<Series, (f64, u32)>,
    /// Series with a sample that is not a valid amount; the sum of the others would be incomplete.
    broken: BTreeSet<Series>,
    /// Hashes of the labels seen, to detect duplicate samples.
    seen: HashSet<u64>,
    unusable: usize,
    /// Why the first unusable sample is skipped.
    first: Option<String>,
    has_gaps: bool,
}

impl<'a> SampleSums<'a> {
    fn new(selection: &'a Selection, account: Option<AccountId>) -> Self {
        Self {
            selection,
            account,
            by_series: BTreeMap::new(),
            broken: BTreeSet::new(),
            seen: HashSet::new(),
            unusable: 0,
            first: None,
            has_gaps: false,
        }
    }

    fn add(&mut self, sample: Result<Sample, Unreadable>) {
        let added = match sample {
            Ok(sample) => self.add_sample(sample),
            Err(error) => {
                self.has_gaps = true;
                Err(format!("a line {error}"))
            }
        };
        if let Err(reason) = added {
            self.skip(reason);
        }
    }

    fn skip(&mut self, reason: String) {
        self.unusable += 1;
        self.first.get_or_insert(reason);
    }

    fn add_sample(&mut self, mut sample: Sample) -> Result<(), String> {
        let series = self
            .selection
            .series(&sample, self.account)
            .map_err(|error| format!("of a sample, {error}"))?;
        if Counter::bytes_from(sample.value).is_none() {
            let reason =
                format!("a sample has the invalid value {}; its series is skipped", sample.value);
            self.by_series.entry(series.clone()).or_default();
            self.broken.insert(series);
            return Err(reason);
        }
        sample.labels.sort();
        let mut digest = DefaultHasher::new();
        sample.labels.hash(&mut digest);
        if !self.seen.insert(digest.finish()) {
            return Err("duplicate sample; the first is used".to_owned());
        }
        let (sum, samples) = self.by_series.entry(series).or_default();
        *sum += sample.value;
        *samples += 1;
        Ok(())
    }

    fn counters(mut self) -> Counters {
        let mut by_series = BTreeMap::new();
        for (series, (sum, samples)) in std::mem::take(&mut self.by_series) {
            match Counter::bytes_from(sum) {
                _ if self.broken.contains(&series) => {}
                Some(value) => drop(by_series.insert(series, Sum { value, samples })),
                None => {
                    self.skip(format!(
                        "the samples of a series add up to {sum}; the series is skipped"
                    ));
                    self.broken.insert(series);
                }
            }
        }
        let in_part = self.has_gaps || !self.broken.is_empty();
        let warning = match (self.first, self.unusable) {
            (Some(first), 1) => Some(first),
            (Some(first), more) => Some(format!("{first}; {} more unusable samples", more - 1)),
            (None, _) if by_series.is_empty() => {
                Some(format!("the page has no samples of {}", self.selection.metric))
            }
            (None, _) => None,
        };
        Counters { by_series, warning, in_part, has_gaps: self.has_gaps }
    }
}

fn fetch_error(error: &reqwest::Error) -> FetchError {
    if is_address_refused(error) {
        FetchError::NotAllowed
    } else if error.is_connect() {
        FetchError::Unreachable
    } else {
        FetchError::BrokenOff
    }
}

impl From<OutboundError> for FetchError {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::NotPublic(AddressNotPublic) => Self::NotAllowed,
            OutboundError::InvalidAddress => Self::Unreachable,
            OutboundError::ClientBuild(cause) => {
                tracing::error!(cause, "HTTP client setup failed");
                Self::Internal
            }
        }
    }
}
