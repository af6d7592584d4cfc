//! What counting and looking cost.

use sim::{EventSource, JOBS, Ledger, TOTALS};

use super::*;

/// Jobs, in bursts of ten as a busy stack has them: handed in, run, and looked at twice each, by processes that go on.
struct Load {
    stack: Stack,
    tenant: Client,
    worker: sim::Worker,
}

impl Load {
    async fn new() -> Self {
        let stack = Stack::new().await;
        let tenant = stack.client_of(&stack.service(), &stack.tenant_key());
        let worker = stack.worker();
        Self { stack, tenant, worker }
    }

    async fn ten(&self) {
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

/// However many jobs there were, a scrape is the same calls and units.
#[tokio::test(start_paused = true)]
async fn a_scrape_costs_the_same_after_ten_jobs_and_after_a_thousand() {
    let load = Load::new().await;
    let key = load.stack.another_key(&[Scope::MetricsRead]).await;
    let scraper = load.stack.client_of(&load.stack.service(), &key);
    let look = async || -> Ledger {
        // Its key is known by then, and its own route written.
        scraper.get("/metrics").await;
        tokio::time::sleep(15 * SECOND).await;
        scraper.get("/metrics").await;
        tokio::time::sleep(SECOND).await;
        load.stack.aws.reset_ledger();
        assert_eq!(scraper.get("/metrics").await.status, 200);
        load.stack.aws.reset_ledger()
    };
    load.ten().await;
    let after_ten = look().await;
    for _ in 0..99 {
        load.ten().await;
    }
    let after_thousand = look().await;
    assert_eq!(after_ten, after_thousand, "{after_ten}\n{after_thousand}");
    insta::assert_snapshot!("scrape", after_thousand);
}

/// A thousand jobs in 100 s: what is counted costs a unit for each job in `submit`, a tenth in the worker's batches, and
/// what `poll` writes every ten seconds.
#[tokio::test(start_paused = true)]
async fn a_thousand_jobs() {
    let load = Load::new().await;
    load.ten().await;
    tokio::time::sleep(15 * SECOND).await;
    load.stack.aws.reset_ledger();
    for _ in 0..100 {
        load.ten().await;
        tokio::time::sleep(SECOND).await;
    }
    tokio::time::sleep(15 * SECOND).await;
    let ledger = load.stack.aws.reset_ledger();
    // A claim and an end of each job are the rest.
    let (counted, paces) =
        (ledger.line(TOTALS).write_units, ledger.line("UpdateItem").write_units - 2000.0);
    assert!(
        (1100.0..1200.0).contains(&counted) && paces <= 12.0,
        "{counted} and {paces} write units: {ledger}"
    );
    // On-demand prices of us-east-1 for a million units.
    let dollars = (counted + paces) * 1000.0 / 1e6 * 0.625;
    assert!(dollars < 0.76, "{dollars} dollars for a million jobs");
    println!(
        "1,000 jobs: {counted} write units for totals and {paces} for paces, ${dollars:.3} for a million\n{ledger}"
    );
}
