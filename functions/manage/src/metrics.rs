//! Metrics of the stack for Prometheus.

use std::sync::Arc;

use axum::{extract::State, response::IntoResponse};
use http::{HeaderMap, header};
use model::{id::AccountId, quota::QuotaState, usage::SourceState};
use runtime::metrics::{Format, Page, registry};
use store::{Error, QuotaStore, SourceStore, Tallies};
use tollgate_http::{ApiError, Caller, Query};

/// What the page is read from.
#[derive(Debug)]
pub struct MetricsPage {
    pub tallies: Tallies,
    pub quotas: QuotaStore,
    pub sources: SourceStore,
}

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
    responses((status = 200, description = "HTML page", content(
        (String = "text/plain; version=0.0.4"),
        (String = "application/openmetrics-text; version=1.0.0"),
    ))),
)]
pub async fn get(
    State(metrics): State<Arc<MetricsPage>>,
    caller: Caller,
    headers: HeaderMap,
    query: Query,
) -> Result<impl IntoResponse, ApiError> {
    query.reject_unknown()?;
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    let format = Format::negotiate(&accept.collect::<Vec<_>>().join(","));
    let page = metrics.read(caller.visible_account(None)?).await?;
    Ok((
        [(header::CONTENT_TYPE, format.media_type()), (header::VARY, "accept")],
        format.write(&page),
    ))
}

impl MetricsPage {
    /// Reads all metrics: four queries for totals and two each for quotas and sources, plus one per
    /// megabyte of definitions.
    ///
    /// `viewer` is the account whose names are visible, in addition to those of no account; `None`
    /// shows all.
    async fn read(&self, viewer: Option<AccountId>) -> Result<Page, Error> {
        let is_visible =
            |account: Option<AccountId>| viewer.is_none() || account.is_none() || account == viewer;
        let (totals, quotas, mut states, sources) = tokio::try_join!(
            self.tallies.counters.totals(),
            self.quotas.all(),
            self.quotas.states(),
            self.sources.all()
        )?;
        let mut page = totals.into_page();
        if viewer.is_some() {
            page.merge_label(&registry::USAGE, "service");
        }
        for quota in quotas.into_iter().filter(|quota| is_visible(quota.spec.account)) {
            // A quota whose state can't be decoded is omitted here and logged by every evaluation.
            if let Some(Ok(stored)) = states.remove(quota.name.as_str()) {
                add_quota(&mut page, quota.name.as_str(), &stored.state);
            }
        }
        for (source, state) in sources {
            if state.lineage == source.generation && is_visible(source.spec.account()) {
                add_source(&mut page, source.name.as_str(), &state);
            }
        }
        page.set_gauge(&registry::BUILD, &[env!("CARGO_PKG_VERSION")], 1.0);
        Ok(page)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a handful of thresholds and mails")]
fn add_quota(page: &mut Page, quota: &str, state: &QuotaState) {
    page.set_gauge(&registry::QUOTA_UTILIZATION, &[quota], state.percent() / 100.0);
    page.set_gauge(&registry::QUOTA_THRESHOLDS, &[quota], state.current.alerts.len() as f64);
    page.set_gauge(&registry::QUOTA_MAILS, &[quota], state.mails_failing() as f64);
}

#[expect(clippy::cast_precision_loss, reason = "times of this era")]
fn add_source(page: &mut Page, source: &str, state: &SourceState) {
    page.set_gauge(&registry::SOURCE_UP, &[source], if state.failures == 0 { 1.0 } else { 0.0 });
    if let Some(at) = state.last_success_at {
        page.set_gauge(&registry::SOURCE_SUCCESS, &[source], at.millis() as f64 / 1000.0);
    }
}
