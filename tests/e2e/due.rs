//! Thousands of jobs due at the same time. The test has its own table and queue, because the
//! running stack's minute tick would release the jobs too.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use aws_sdk_sqs::types::QueueAttributeName;
use live_stack::stack;
use model::{
    id::{self, JobId},
    job::due::{DueEntry, Purpose},
};
use runtime::{clock::Clock, config::QuotaCheckConfig, telemetry::Metrics};
use store::{Clients, DueStore, Table};

const JOBS: usize = 5000;
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn one_tick_releases_five_thousand_due_jobs() {
    let aws = stack().aws();
    let name = format!("far-{:016x}", rand::random::<u64>());
    make_table(&aws, &name).await;
    let queue = aws.sqs().create_queue().queue_name(&name).send().await.unwrap().queue_url.unwrap();
    let (clock, list) = (Clock::system(), DueStore::new(Table::new(aws.dynamodb(), &name)));
    let (now, account) = (clock.now(), id::generate(clock.now(), rand::random()));
    let entries: Vec<_> = (0..JOBS as u64)
        .map(|n| {
            let id: JobId = id::generate(now, rand::random());
            // Due within a few seconds, five minutes from now, which the tick covers.
            let due = now + 5 * MINUTE + Duration::from_millis(n % 60_000);
            DueEntry { due, account, id, kind: "echo".parse().unwrap(), purpose: Purpose::Release }
        })
        .collect();
    list.put_all(&entries).await.unwrap();
    let config = QuotaCheckConfig {
        table: name.clone(),
        queue_url: queue.clone(),
        allow_private_targets: true,
        sender: None,
        namespace: "Tollgate/e2e".to_owned(),
    };
    let checker = quota_check::Checker::new(aws.clone(), config, clock.clone(), Metrics::new(drop));
    let (mut runs, begun) = (0, Instant::now());
    let mut delayed = 0;
    while delayed < JOBS && runs < 5 {
        checker.check("e2e", clock.now()).await.unwrap();
        runs += 1;
        delayed = queued_messages(&aws, &queue).await;
    }
    println!("{delayed} jobs released by {runs} ticks in {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!((delayed, runs), (JOBS, 1));
    checker.check("e2e", clock.now()).await.unwrap();
    assert_eq!(queued_messages(&aws, &queue).await, JOBS, "none is released twice");
    aws.sqs().delete_queue().queue_url(queue).send().await.unwrap();
    aws.dynamodb().delete_table().table_name(name).send().await.unwrap();
}

async fn queued_messages(aws: &Clients, queue: &str) -> usize {
    let counts = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    let call = aws
        .sqs()
        .get_queue_attributes()
        .queue_url(queue)
        .set_attribute_names(Some(counts.to_vec()));
    let answer = call.send().await.unwrap();
    let counts = answer.attributes.unwrap_or_default().into_values();
    counts.map(|count| count.parse::<usize>().unwrap()).sum()
}

async fn make_table(aws: &Clients, name: &str) {
    let attribute = |name: &str| {
        let kind = ScalarAttributeType::S;
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
    };
    let keys = |hash: &str, range: &str| {
        let key = |name: &str, kind: KeyType| {
            KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
        };
        vec![key(hash, KeyType::Hash), key(range, KeyType::Range)]
    };
    let index = GlobalSecondaryIndex::builder()
        .index_name("agenda")
        .set_key_schema(Some(keys("agenda", "rank")))
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .unwrap();
    let call =
        aws.dynamodb().create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    let call = call.set_key_schema(Some(keys("pk", "sk"))).global_secondary_indexes(index);
    let attributes = ["pk", "sk", "agenda", "rank"].map(attribute).to_vec();
    call.set_attribute_definitions(Some(attributes)).send().await.unwrap();
}
