//! `GET /v1/usage`.

mod query;

use std::sync::Arc;

use api::{Cursor, UsagePage, UsagePoint, parameter};
use axum::{Json, extract::State};
use model::{
    time::Time,
    usage::{Direction, Label, Step},
};
use runtime::clock::Clock;
use store::{SeriesOrigins, UsageStore};
use tollgate_http::{ApiError, Caller, Query};

pub use query::ChartQuery;

/// Approximate number of points per page: about two megabytes with labels of typical length.
const PAGE_POINTS: usize = 15_000;
/// Maximum number of series per page.
const PAGE_SERIES: usize = 100;

/// Context of usage charts.
#[derive(Debug)]
pub struct Usage {
    pub store: UsageStore,
    pub clock: Clock,
}

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
    State(usage): State<Arc<Usage>>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<UsagePage>, ApiError> {
    let chart = ChartQuery::read(&caller, &mut query, usage.clock.now())?;
    let tag = chart.cursor_tag();
    let after = query.cursor::<String>(&tag)?;
    query.reject_unknown()?;
    let (after, is_admin) = (after.as_deref(), caller.is_admin());
    let max_series = (PAGE_POINTS / chart.windows.count().max(1)).clamp(1, PAGE_SERIES);
    let (mut series, mut last) = usage.store.series(&chart.filter, after, max_series).await?;
    let fitting = chart.fitting(&series, is_admin);
    if fitting < series.len() {
        (series, last) = usage.store.series(&chart.filter, after, fitting.max(1)).await?;
    }
    let points = usage.store.chart(&series, chart.windows).await?;
    let items = series.iter().zip(&points).flat_map(|(SeriesOrigins { series, .. }, points)| {
        UsagePoint::all(series, points, is_admin)
    });
    Ok(Json(UsagePage {
        items: items.collect(),
        next_cursor: last.map(|after| Cursor { after }.encode(&tag)),
        step: chart.windows.step(),
    }))
}
