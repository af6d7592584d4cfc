//! One mail and one event per threshold, quota and period. Only a crash between sending a mail and
//! recording it may repeat the mail.

use super::{BrokenPromise, History, QuotaHistory};

const ONE_MAIL: &str = "one mail per threshold, quota and period";
const ONE_EVENT: &str = "one event per threshold, quota and period";

pub(super) fn check(notes: &History) -> Vec<BrokenPromise> {
    let missing = notes
        .quotas
        .iter()
        .flat_map(|quota| quota.reached.iter().map(move |threshold| (quota, *threshold)));
    let missing = missing.filter(|(quota, threshold)| mails(quota, *threshold) == 0);
    let missing = missing.map(|(quota, threshold)| {
        BrokenPromise::new(ONE_MAIL, about(quota, threshold), "no mail was sent")
    });
    let repeats: usize =
        notes.quotas.iter().map(|quota| quota.mailed.len() - distinct(quota)).sum();
    let repeated = (repeats > notes.mails_interrupted).then(|| {
        let quotas: Vec<_> = notes
            .quotas
            .iter()
            .map(|quota| format!("{}: {:?}", quota.name, quota.mailed))
            .collect();
        let seen =
            format!("{repeats} repeated mails after {} interruptions", notes.mails_interrupted);
        BrokenPromise::new(ONE_MAIL, quotas.join(", "), seen)
    });
    missing.chain(repeated).chain(unreached(notes)).chain(events(notes)).collect()
}

/// Mails for thresholds that were not reached.
fn unreached(notes: &History) -> Vec<BrokenPromise> {
    let all = notes
        .quotas
        .iter()
        .flat_map(|quota| quota.mailed.iter().map(move |threshold| (quota, *threshold)));
    let wrong = all.filter(|(quota, threshold)| !quota.reached.contains(threshold));
    wrong
        .map(|(quota, threshold)| {
            BrokenPromise::new(ONE_MAIL, about(quota, threshold), "threshold not reached")
        })
        .collect()
}

fn events(notes: &History) -> Vec<BrokenPromise> {
    let mut broken = Vec::new();
    for quota in &notes.quotas {
        for subscriber in
            notes.subscribers.iter().filter(|subscriber| subscriber.account == quota.account)
        {
            for threshold in &quota.reached {
                let told = subscriber.events.iter().filter(|event| {
                    event["type"] == "quota.crossed"
                        && event["data"]["quota"] == *quota.name
                        && event["data"]["threshold"] == *threshold
                });
                let told = told.count();
                if told != 1 {
                    let seen = format!("{} saw {told}", subscriber.name);
                    broken.push(BrokenPromise::new(ONE_EVENT, about(quota, *threshold), seen));
                }
            }
        }
    }
    broken
}

fn about(quota: &QuotaHistory, threshold: u64) -> String {
    format!("quota {}, {threshold} %", quota.name)
}

fn mails(quota: &QuotaHistory, threshold: u64) -> usize {
    quota.mailed.iter().filter(|mailed| **mailed == threshold).count()
}

fn distinct(quota: &QuotaHistory) -> usize {
    quota.mailed.iter().collect::<std::collections::BTreeSet<_>>().len()
}
