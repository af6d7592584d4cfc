use api::{Problem, UsagePoint};
use model::{
    id::AccountId,
    time::Time,
    usage::{Direction, Filter, InvalidRange, Label, Lookback, Step, Windows},
};
use store::SeriesOrigins;
use tollgate_http::{Caller, Query};

/// Limit for the points of a response in bytes. It leaves room for the rest of the body within
/// Lambda's limit of 6 MB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const MAX_RESPONSE_BYTES: usize = 6_000_000;

/// The series and windows of a chart.
#[derive(Debug)]
pub struct ChartQuery {
    pub filter: Filter,
    pub windows: Windows,
}

impl ChartQuery {
    pub fn read(caller: &Caller, query: &mut Query, now: Time) -> Result<Self, Problem> {
        let filter = Filter {
            account: visible_account(caller, query.account()?)?,
            direction: query.take::<Direction>("type")?,
            service: query.take::<Label>("service")?,
            route: query.take::<Label>("route")?,
        };
        Ok(Self { filter, windows: read_windows(query, now)? })
    }

    /// How many of the series, from the first on, fit into a response.
    pub fn fitting(&self, series: &[SeriesOrigins], with_account: bool) -> usize {
        let sizes = series.iter().map(|series| UsagePoint::max_bytes(&series.series, with_account));
        let ends = sizes.scan(0, |end: &mut usize, bytes| {
            *end = end.saturating_add(bytes.saturating_mul(self.windows.count()));
            Some(*end)
        });
        ends.take_while(|end| *end <= MAX_RESPONSE_BYTES).count()
    }

    /// Identifies the list of a cursor. The time range isn't part of it, since it moves on from
    /// page to page.
    pub fn cursor_tag(&self) -> String {
        format!("usage {:?} {:?}", self.filter, self.windows.step())
    }
}

/// `None` for an `admin` who names no account: the series of all accounts.
fn visible_account(
    caller: &Caller,
    account: Option<AccountId>,
) -> Result<Option<AccountId>, Problem> {
    match account {
        None if caller.is_admin() => Ok(None),
        account => caller.target_account(account).map(Some),
    }
}

fn read_windows(query: &mut Query, now: Time) -> Result<Windows, Problem> {
    let lookback = query.take::<Lookback>("lookback_duration")?;
    let (from, to) = (query.take::<Time>("from")?, query.take::<Time>("to")?);
    let step = query.take::<Step>("step")?;
    if lookback.is_some() && (from.is_some() || to.is_some()) {
        return Err(invalid("lookback_duration", "not allowed with from or to"));
    }
    if to.is_some() && from.is_none() {
        return Err(invalid("to", "requires from"));
    }
    let start_name = if from.is_some() { "from" } else { "lookback_duration" };
    let from = from.unwrap_or_else(|| now - lookback.unwrap_or_default().0);
    Windows::new(from, to, step, now).map_err(|error| match error {
        InvalidRange::Empty => invalid("from", &error.to_string()),
        InvalidRange::TooMany(_) => {
            invalid(if step.is_some() { "step" } else { start_name }, &error.to_string())
        }
    })
}

fn invalid(name: &'static str, detail: &str) -> Problem {
    Problem::InvalidParameter { name, detail: detail.to_owned() }
}
