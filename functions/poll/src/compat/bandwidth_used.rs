//! `GET /metrics/bandwidth_used` of the bandwidth service.

use std::{collections::BTreeMap, sync::Arc};

use api::{Problem, UsagePoint, parameter};
use axum::{Json, extract::State};
use model::{
    time::Time,
    usage::{Direction, Label, Points, Series, Step},
};
use tollgate_http::{ApiError, Caller, Query};

use crate::usage::{ChartQuery, Usage};

/// Maximum number of series, since the response has no pages.
const MAX_SERIES: usize = 500;

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
pub async fn get(
    State(usage): State<Arc<Usage>>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<Vec<UsagePoint>>, ApiError> {
    let chart = ChartQuery::read(&caller, &mut query, usage.clock.now())?;
    query.reject_unknown()?;
    let (series, last) = usage.store.series(&chart.filter, None, MAX_SERIES).await?;
    let fitting = chart.fitting(&series, false);
    if last.is_some() || fitting < series.len() {
        let detail = too_large(chart.windows.count(), fitting);
        return Err(Problem::InvalidParameter { name: "query", detail }.into());
    }
    let points = usage.store.chart(&series, chart.windows).await?;
    let mut sums: BTreeMap<Series, Points> = BTreeMap::new();
    for (origins, points) in series.into_iter().zip(points) {
        let series = Series { account: None, ..origins.series };
        sums.entry(series).or_insert_with(|| Points::new(chart.windows)).merge(&points);
    }
    let points = sums.iter().flat_map(|(series, points)| UsagePoint::all(series, points, false));
    Ok(Json(points.collect()))
}

fn too_large(points: usize, fitting: usize) -> String {
    format!(
        "exceeds the limit of {MAX_SERIES} series and 6 MB: \
         with the {points} points that each series has, {fitting} of them; name a \
         type, service or route, look less far back, take a longer step, \
         or read GET /v1/usage page by page"
    )
}
