//! Cost of counting and scraping.

use sim::{COUNTER_UPDATE, EventSource, JOBS, Ledger};

use super::*;

/// Bursts of ten jobs, submitted, run and polled twice each by long-lived processes.
struct Load {
    stack: Stack,
    tenant: Client,
    worker: sim::Worker,
}

impl Load {
    async fn new() -> Self {
        let stack = Stack::new().await;
        let tenant = stack.client_with_service(&stack.service(), &stack.tenant_key());
        let worker = stack.worker();
        Self { stack, tenant, worker }
    }

    async fn run_ten_jobs(&self) {
        let mut ids = Vec::new();
        for n in 0..10 {
            ids.push(self.tenant.submit("echo", json!(n)).await.id().to_owned());
        }
        EventSource::new(&self.stack.aws, JOBS, 10)
            .deliver_once(async |event| {
                Ok::<_, String>(self.worker.handle(event, "run", self.stack.deadline()).await)
            })
            .await;
        for id in ids.iter().chain(&ids) {
            assert_eq!(self.tenant.job(id).await.body["status"], "completed");
        }
    }
}

/// A scrape takes the same calls and units, however many jobs there were.
#[tokio::test(start_paused = true)]
async fn scrape_costs_the_same_after_10_and_1000_jobs() {
    let load = Load::new().await;
    let key = load.stack.create_account_key(&[Scope::MetricsRead]).await;
    let scraper = load.stack.client_with_service(&load.stack.service(), &key);
    let look = async || -> Ledger {
        // Caches the key and writes the counters of this route.
        scraper.get("/metrics").await;
        tokio::time::sleep(15 * SECOND).await;
        scraper.get("/metrics").await;
        tokio::time::sleep(SECOND).await;
        load.stack.aws.reset_ledger();
        assert_eq!(scraper.get("/metrics").await.status, 200);
        load.stack.aws.reset_ledger()
    };
    load.run_ten_jobs().await;
    let after_ten = look().await;
    for _ in 0..99 {
        load.run_ten_jobs().await;
    }
    let after_thousand = look().await;
    assert_eq!(after_ten, after_thousand, "{after_ten}\n{after_thousand}");
    insta::assert_snapshot!("scrape", after_thousand);
}

/// 1,000 jobs in 100 s. Counting costs one write unit per job in `submit`, a tenth of that in the
/// worker's batches, and what `poll` writes every ten seconds.
#[tokio::test(start_paused = true)]
async fn cost_of_counting_1000_jobs() {
    let load = Load::new().await;
    load.run_ten_jobs().await;
    tokio::time::sleep(15 * SECOND).await;
    load.stack.aws.reset_ledger();
    for _ in 0..100 {
        load.run_ten_jobs().await;
        tokio::time::sleep(SECOND).await;
    }
    tokio::time::sleep(15 * SECOND).await;
    let ledger = load.stack.aws.reset_ledger();
    // The other updates are one claim and one end per job.
    let (counted, paces) =
        (ledger.line(COUNTER_UPDATE).write_units, ledger.line("UpdateItem").write_units - 2000.0);
    assert!(
        (1100.0..1200.0).contains(&counted) && paces <= 12.0,
        "{counted} and {paces} write units: {ledger}"
    );
    // On-demand prices of us-east-1, per million units.
    let dollars = (counted + paces) * 1000.0 / 1e6 * 0.625;
    assert!(dollars < 0.76, "{dollars} dollars for a million jobs");
    println!(
        "1,000 jobs: {counted} write units for totals and {paces} for paces, \
         ${dollars:.3} for a million\n{ledger}"
    );
}
