//! Pages of metrics.

use std::{
    collections::{BTreeMap, HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    time::Duration,
};

use shared::{
    id::AccountId,
    outbound::{NoWay, NotAllowed, Outbound, is_refused},
    usage::{
        Counter, Selection, Series,
        exposition::{Page, Sample, Unreadable},
    },
};

/// For a whole page: a run has half a minute.
const PATIENCE: Duration = Duration::from_secs(15);
/// The largest page, after decompression.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// How many series a source may have.
pub const MAX_SERIES: usize = 5000;

/// What a page says: where each series' counter stands, and what of it couldn't be used.
#[derive(Debug, Default)]
pub struct Counters {
    /// Those that can be counted. Samples that are of the same series are added up.
    pub each: BTreeMap<Series, u64>,
    /// The first thing that couldn't, and how many there were.
    pub warning: Option<String>,
    /// Whether there were samples of which nobody knows where they stand.
    pub in_part: bool,
}

/// Why a source can't be collected, as its operator is told.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Its address isn't one that may be asked.
    #[error("the address is private, and this gateway doesn't allow those")]
    NotAllowed,
    /// Nobody is there.
    #[error("it could not be reached")]
    Unreachable,
    /// It stopped in the middle.
    #[error("it broke off the exchange")]
    BrokenOff,
    /// It was too slow.
    #[error("it took longer than {} s", PATIENCE.as_secs())]
    TooSlow,
    /// It answered something else than 200.
    #[error("it answered {0}")]
    Status(u16),
    /// The page is too large.
    #[error("the page is over {} MiB", MAX_BYTES / 1024 / 1024)]
    TooLarge,
    /// It isn't one.
    #[error(transparent)]
    NotAPage(#[from] shared::usage::exposition::NotAPage),
    /// There are more series than a source may have.
    #[error("the page has more than {MAX_SERIES} series")]
    TooManySeries,
    /// A fault of our own, which is in the log.
    #[error("the gateway could not ask it")]
    Internal,
}

/// Reads what a page says of a selection.
pub async fn collect(
    way: &Outbound,
    address: &str,
    selection: &Selection,
    account: Option<AccountId>,
) -> Result<Counters, Failed> {
    let read = read(way, address, selection, account);
    tokio::time::timeout(PATIENCE, read).await.unwrap_or(Err(Failed::TooSlow))
}

async fn read(
    way: &Outbound,
    address: &str,
    selection: &Selection,
    account: Option<AccountId>,
) -> Result<Counters, Failed> {
    let (client, url) = way.to(address)?;
    let request = client.get(url).header("accept", "text/plain;version=0.0.4, */*;q=0.1");
    let mut response = way.send(request).await.map_err(|error| fault(&error))?;
    if response.status().as_u16() != 200 {
        return Err(Failed::Status(response.status().as_u16()));
    }
    let (mut page, mut tally) = (Page::new(&selection.metric), Tally::new(selection, account));
    let mut bytes = 0;
    while let Some(piece) = response.chunk().await.map_err(|error| fault(&error))? {
        bytes += piece.len();
        if bytes > MAX_BYTES {
            return Err(Failed::TooLarge);
        }
        page.read(&piece, &mut |sample| tally.add(sample));
        if tally.sums.len() > MAX_SERIES {
            return Err(Failed::TooManySeries);
        }
    }
    page.end(&mut |sample| tally.add(sample))?;
    Ok(tally.counters())
}

/// What samples come to.
struct Tally<'a> {
    selection: &'a Selection,
    account: Option<AccountId>,
    sums: BTreeMap<Series, f64>,
    /// Which samples there were, by a digest of their labels.
    seen: HashSet<u64>,
    unusable: usize,
    first: Option<String>,
    in_part: bool,
}

impl<'a> Tally<'a> {
    fn new(selection: &'a Selection, account: Option<AccountId>) -> Self {
        Self {
            selection,
            account,
            sums: BTreeMap::new(),
            seen: HashSet::new(),
            unusable: 0,
            first: None,
            in_part: false,
        }
    }

    fn add(&mut self, sample: Result<Sample, Unreadable>) {
        let added = match sample {
            Ok(sample) => self.add_sample(sample),
            Err(why) => {
                self.in_part = true;
                Err(format!("a line {why}"))
            }
        };
        if let Err(why) = added {
            self.unusable += 1;
            self.first.get_or_insert(why);
        }
    }

    fn add_sample(&mut self, mut sample: Sample) -> Result<(), String> {
        let series =
            self.selection.series(&sample, self.account).map_err(|why| format!("of a sample, {why}"))?;
        if Counter::amount(sample.value).is_none() {
            self.in_part = true;
            return Err(format!("a sample is {}, which is no amount of bytes", sample.value));
        }
        sample.labels.sort();
        let mut digest = DefaultHasher::new();
        sample.labels.hash(&mut digest);
        if !self.seen.insert(digest.finish()) {
            return Err("a sample is there twice; the first counts".to_owned());
        }
        *self.sums.entry(series).or_default() += sample.value;
        Ok(())
    }

    fn counters(self) -> Counters {
        let warning = match (self.first, self.unusable) {
            (Some(first), 1) => Some(first),
            (Some(first), more) => Some(format!("{first}; {} more like it or otherwise unusable", more - 1)),
            (None, _) if self.sums.is_empty() => {
                Some(format!("the page has no samples of {}", self.selection.metric))
            }
            (None, _) => None,
        };
        let each = self.sums.into_iter().filter_map(|(series, sum)| Some((series, Counter::amount(sum)?)));
        Counters { each: each.collect(), warning, in_part: self.in_part }
    }
}

fn fault(error: &reqwest::Error) -> Failed {
    if is_refused(error) {
        Failed::NotAllowed
    } else if error.is_connect() {
        Failed::Unreachable
    } else {
        Failed::BrokenOff
    }
}

impl From<NoWay> for Failed {
    fn from(why: NoWay) -> Self {
        match why {
            NoWay::NotAllowed(NotAllowed) => Self::NotAllowed,
            NoWay::NotAnAddress => Self::Unreachable,
            NoWay::NoClient(cause) => {
                tracing::error!(cause, "no HTTP client could be made");
                Self::Internal
            }
        }
    }
}
