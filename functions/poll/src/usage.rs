//! `GET /v1/usage`, and its compatibility form `GET /metrics/bandwidth_used`.

use std::{collections::BTreeMap, sync::Arc};

use api::{Cursor, Problem, UsagePage, UsagePoint, parameter};
use axum::{Json, extract::State};
use model::{
    time::Time,
    usage::{Direction, Filter, InvalidRange, Label, Lookback, Points, Series, Step, Windows},
};
use store::SeriesOrigins;
use tollgate_http::{ApiError, Caller, Query};

use crate::App;

/// Approximate number of points per page: about two megabytes with labels of typical length.
const PAGE_POINTS: usize = 15_000;
/// Limit for the points of a response in bytes. It leaves room for the rest of the body within
/// Lambda's limit of 6 MB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const MAX_RESPONSE_BYTES: usize = 6_000_000;
/// Maximum number of series per page.
const PAGE_SERIES: usize = 100;
/// Maximum number of series of `GET /metrics/bandwidth_used`, which has no pages.
const MAX_SERIES: usize = 500;

/// Chart usage: bytes per series and time window.
///
/// Windows start at multiples of the step in UTC; the first contains the start of the requested
/// range. The last window ends now and may be partial. `bandwidth_used` is null where nothing was
/// reported, and 0 where nothing was used. A series counted at several sources is their sum.
/// Minutes are kept for 35 days, hours for 400.
///
/// Keys without `admin` see their account's series. Points are sorted by series, then by time. A
/// page has whole series: up to 100 of them and about 15,000 points, fewer if services and routes
/// have long names. Continue with `next_cursor`.
#[utoipa::path(
    get, path = "/v1/usage", tag = "usage", operation_id = "getUsage",
    params(
        ("type" = Option<Direction>, Query, description = "Only this direction"),
        ("service" = Option<Label>, Query, description = "Only this service"),
        ("route" = Option<Label>, Query, description = "Only this route"),
        (
            "account" = Option<parameter::AccountId>, Query,
            description = "Only this account; requires `admin`"
        ),
        (
            "lookback_duration" = Option<parameter::Lookback>, Query,
            description = "Length of the range up to now: an integer with `s`, `m`, `h` or `d`, \
                from `1m` to `31d`; defaults to `1h`. Not with `from` and `to`."
        ),
        ("from" = Option<Time>, Query, description = "Start of the range"),
        (
            "to" = Option<Time>, Query,
            description = "End of the range; defaults to now, the latest possible. The window with \
                the end is shown whole."
        ),
        (
            "step" = Option<Step>, Query,
            description = "Length of a window; defaults to the shortest with which a series has \
                at most 1500 points"
        ),
        (
            "cursor" = Option<parameter::Cursor>, Query,
            description = "The `next_cursor` of the previous page"
        ),
    ),
    responses((status = 200, description = "A page", body = UsagePage)),
)]
pub async fn chart(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<UsagePage>, ApiError> {
    let wanted = ChartQuery::read(&caller, &mut query, app.clock.now())?;
    let list = wanted.cursor_tag();
    let after = query.cursor::<String>(&list)?;
    query.reject_unknown()?;
    let most = (PAGE_POINTS / wanted.windows.count().max(1)).clamp(1, PAGE_SERIES);
    let shown = caller.is_admin();
    let (mut series, mut last) = app.usage.series(&wanted.filter, after.as_deref(), most).await?;
    let fits = wanted.fitting(&series, shown);
    if fits < series.len() {
        (series, last) = app.usage.series(&wanted.filter, after.as_deref(), fits.max(1)).await?;
    }
    let points = app.usage.chart(&series, wanted.windows).await?;
    let each = series.iter().zip(&points);
    Ok(Json(UsagePage {
        items: each
            .flat_map(|(SeriesOrigins { series, .. }, points)| {
                UsagePoint::all(series, points, shown)
            })
            .collect(),
        next_cursor: last.map(|after| Cursor { after }.encode(&list)),
        step: wanted.windows.step(),
    }))
}

/// Chart usage (bandwidth service API).
///
/// Like `GET /v1/usage`, but the response has only the points and no pages: larger results than 500
/// series or 6 MB are refused. For `admin`, series of several accounts with the same names are
/// added up.
#[utoipa::path(
    get, path = "/metrics/bandwidth_used", tag = "compat", operation_id = "getBandwidthUsed",
    params(
        ("type" = Option<Direction>, Query, description = "Only this direction"),
        ("service" = Option<Label>, Query, description = "Only this service"),
        ("route" = Option<Label>, Query, description = "Only this route"),
        (
            "account" = Option<parameter::AccountId>, Query,
            description = "Only this account; requires `admin`"
        ),
        (
            "lookback_duration" = Option<parameter::Lookback>, Query,
            description = "Length of the range up to now, such as `5m`; defaults to `1h`"
        ),
        (
            "from" = Option<Time>, Query,
            description = "Start of the range, instead of `lookback_duration`"
        ),
        ("to" = Option<Time>, Query, description = "End of the range; defaults to now"),
        ("step" = Option<Step>, Query, description = "Length of a window"),
    ),
    responses((status = 200, description = "The points", body = Vec<UsagePoint>)),
)]
pub async fn bandwidth_used(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<Vec<UsagePoint>>, ApiError> {
    let wanted = ChartQuery::read(&caller, &mut query, app.clock.now())?;
    query.reject_unknown()?;
    let (series, last) = app.usage.series(&wanted.filter, None, MAX_SERIES).await?;
    let fits = wanted.fitting(&series, false);
    if last.is_some() || fits < series.len() {
        let detail = format!(
            "exceeds the limit of {MAX_SERIES} series and 6 MB: \
             with the {} points that each series has, {fits} of them; name a \
             type, service or route, look less far back, take a longer step, \
             or read GET /v1/usage page by page",
            wanted.windows.count()
        );
        return Err(Problem::InvalidParameter { name: "query", detail }.into());
    }
    let points = app.usage.chart(&series, wanted.windows).await?;
    let mut sums: BTreeMap<Series, Points> = BTreeMap::new();
    for (counting, points) in series.into_iter().zip(points) {
        let series = Series { account: None, ..counting.series };
        sums.entry(series).or_insert_with(|| Points::new(wanted.windows)).merge(&points);
    }
    Ok(Json(
        sums.iter().flat_map(|(series, points)| UsagePoint::all(series, points, false)).collect(),
    ))
}

struct ChartQuery {
    filter: Filter,
    windows: Windows,
}

impl ChartQuery {
    fn read(caller: &Caller, query: &mut Query, now: Time) -> Result<Self, Problem> {
        let account = match query.account()? {
            None if caller.is_admin() => None,
            named => Some(caller.target_account(named)?),
        };
        let filter = Filter {
            account,
            direction: query.take::<Direction>("type")?,
            service: query.take::<Label>("service")?,
            route: query.take::<Label>("route")?,
        };
        let lookback = query.take::<Lookback>("lookback_duration")?;
        let (from, to) = (query.take::<Time>("from")?, query.take::<Time>("to")?);
        let step = query.take::<Step>("step")?;
        let refused =
            |name, detail: &str| Problem::InvalidParameter { name, detail: detail.to_owned() };
        if lookback.is_some() && (from.is_some() || to.is_some()) {
            return Err(refused("lookback_duration", "not allowed with from or to"));
        }
        if to.is_some() && from.is_none() {
            return Err(refused("to", "requires from"));
        }
        let asked = if from.is_some() { "from" } else { "lookback_duration" };
        let from = from.unwrap_or_else(|| now - lookback.unwrap_or_default().0);
        let windows = Windows::new(from, to, step, now).map_err(|why| match why {
            InvalidRange::Empty => refused("from", &why.to_string()),
            InvalidRange::TooMany(_) => {
                refused(if step.is_some() { "step" } else { asked }, &why.to_string())
            }
        })?;
        Ok(Self { filter, windows })
    }

    /// How many of the series, from the first on, fit into a response.
    fn fitting(&self, series: &[SeriesOrigins], shown: bool) -> usize {
        let sizes = series.iter().map(|counting| UsagePoint::max_bytes(&counting.series, shown));
        let ends = sizes.scan(0, |end: &mut usize, bytes| {
            *end = end.saturating_add(bytes.saturating_mul(self.windows.count()));
            Some(*end)
        });
        ends.take_while(|end| *end <= MAX_RESPONSE_BYTES).count()
    }

    /// Identifies the list of a cursor. The time range isn't part of it, since it moves on from
    /// page to page.
    fn cursor_tag(&self) -> String {
        format!("usage {:?} {:?}", self.filter, self.windows.step())
    }
}
