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

/// Scrape metrics, for Prometheus.
///
/// Totals since deployment, of all processes together, as far as they wrote them: a function's own are some seconds behind. They only grow. How
/// quotas stand and how sources are is as the last look at them found it, a minute ago at most.
///
/// Names that are accounts' own are shown to `admin` alone: to others, every service is `other`, and quotas and sources of other accounts are left
/// out. The format is Prometheus' text format 0.0.4, or `OpenMetrics` 1.0 where `Accept` likes that better. A scrape costs the same number of
/// reads however many jobs there were.
#[utoipa::path(
    get, path = "/metrics", tag = "metrics", operation_id = "getMetrics",
    security(("key" = ["metrics:read"])),
    responses((status = 200, description = "The page", content(
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
    /// What there is to see: four queries for totals, and two each for quotas and sources; one more for each megabyte of what operators defined.
    ///
    /// `of` is whose things are shown by name, besides those of no account; none: everybody's.
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
            // One that can't be understood is missing here, and in the log of every minute's check.
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
