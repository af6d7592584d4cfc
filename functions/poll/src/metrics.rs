//! `GET /metrics`.

use std::sync::Arc;

use axum::{extract::State, response::IntoResponse};
use http::{HeaderMap, header};
use shared::{
    api::AnyProblem,
    aws::Error,
    gate::{Caller, Failure, Query},
    id::AccountId,
    metrics::{Format, Page, registry},
    quota::Standing,
    usage::SourceState,
};

use crate::App;

/// Get metrics for Prometheus.
///
/// Counters are totals since deployment over all processes and only grow. A function writes its
/// counts with a delay of some seconds. Quota and source gauges are from the last evaluation, a
/// minute ago at most.
///
/// Names chosen by accounts are visible to `admin` only. For other keys, every service is `other`,
/// and quotas and sources of other accounts are omitted. The format is Prometheus' text format
/// 0.0.4, or `OpenMetrics` 1.0 if `Accept` prefers it. The cost of a scrape doesn't depend on the
/// number of jobs.
#[utoipa::path(
    get, path = "/metrics", tag = "metrics", operation_id = "getMetrics",
    security(("key" = ["metrics:read"])),
    responses((status = 200, description = "HTML page", content(
        (String = "text/plain; version=0.0.4"),
        (String = "application/openmetrics-text; version=1.0.0"),
    )), AnyProblem),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    query: Query,
) -> Result<impl IntoResponse, Failure> {
    query.end()?;
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    let format = Format::preferred(&accept.collect::<Vec<_>>().join(","));
    let page = app.page(caller.seeing(None)?).await?;
    Ok((
        [(header::CONTENT_TYPE, format.media_type()), (header::VARY, "accept")],
        format.write(&page),
    ))
}

impl App {
    /// Reads all metrics: four queries for totals and two each for quotas and sources, plus one per
    /// megabyte of definitions.
    ///
    /// `of` is the account whose names are visible, in addition to those of no account; `None`
    /// shows all.
    async fn page(&self, of: Option<AccountId>) -> Result<Page, Error> {
        let is_seen =
            |account: Option<AccountId>| of.is_none() || account.is_none() || account == of;
        let (totals, quotas, mut standings, sources) = tokio::try_join!(
            self.tallies.counters.totals(),
            self.quotas.all(),
            self.quotas.standings(),
            self.sources.all()
        )?;
        let mut page = totals.into_page();
        if of.is_some() {
            page.gather(&registry::USAGE, "service");
        }
        for quota in quotas.into_iter().filter(|quota| is_seen(quota.spec.account)) {
            // A quota whose state can't be decoded is omitted here and logged by every evaluation.
            if let Some(Ok(known)) = standings.remove(quota.name.as_str()) {
                show_quota(&mut page, quota.name.as_str(), &known.standing);
            }
        }
        for (source, state) in sources {
            if state.lineage == source.lineage && is_seen(source.spec.account()) {
                show_source(&mut page, source.name.as_str(), &state);
            }
        }
        page.show(&registry::BUILD, &[env!("CARGO_PKG_VERSION")], 1.0);
        Ok(page)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a handful of thresholds and mails")]
fn show_quota(page: &mut Page, quota: &str, standing: &Standing) {
    page.show(&registry::QUOTA_UTILIZATION, &[quota], standing.percent() / 100.0);
    page.show(&registry::QUOTA_THRESHOLDS, &[quota], standing.current.alerts.len() as f64);
    page.show(&registry::QUOTA_MAILS, &[quota], standing.mails_failing() as f64);
}

#[expect(clippy::cast_precision_loss, reason = "times of this era")]
fn show_source(page: &mut Page, source: &str, state: &SourceState) {
    page.show(&registry::SOURCE_UP, &[source], if state.failures == 0 { 1.0 } else { 0.0 });
    if let Some(at) = state.last_success_at {
        page.show(&registry::SOURCE_SUCCESS, &[source], at.millis() as f64 / 1000.0);
    }
}
