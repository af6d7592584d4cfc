//! Usage is counted once.

use super::{BrokenPromise, History};

const ONCE: &str = "usage is counted once";

pub(super) fn check(notes: &History) -> Vec<BrokenPromise> {
    let series = notes.usage.iter().filter(|series| series.accepted != series.shown);
    let series = series.map(|series| {
        let seen = format!("{} bytes accepted, {} shown", series.accepted, series.shown);
        BrokenPromise::new(ONCE, format!("series {}", series.series), seen)
    });
    let quotas = notes.quotas.iter().filter(|quota| quota.used != quota.shown);
    let quotas = quotas.map(|quota| {
        let seen = format!("{} bytes used, {} shown", quota.used, quota.shown);
        BrokenPromise::new(ONCE, format!("quota {}", quota.name), seen)
    });
    series.chain(quotas).collect()
}
