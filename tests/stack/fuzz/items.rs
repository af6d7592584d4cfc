//! Stored items may be damaged, by a tool or by a later release. That must be a reported error and
//! never a panic.

use std::{cell::Cell, collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::body::Body;
use http::Request;
use proptest::{collection::vec, prelude::*, sample::select};
use sim::{Stack, TABLE};

use super::{StackUnderTest, bearer, runner, valid_requests};

type Item = HashMap<String, AttributeValue>;

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item[name].as_s().unwrap()
}

/// A replacement value of any attribute type in use; none removes the attribute.
fn replacement_value() -> impl Strategy<Value = Option<AttributeValue>> {
    let text = prop_oneof![
        Just(String::new()),
        "[a-z0-9#:._-]{0,30}",
        "\\PC{0,10}",
        Just("9".repeat(39)),
        Just("{\"a\":[".to_owned())
    ];
    let number = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        Just("-0.5".to_owned()),
        Just("9".repeat(38))
    ];
    prop_oneof![
        Just(None),
        text.prop_map(|text| Some(AttributeValue::S(text))),
        number.prop_map(|number| Some(AttributeValue::N(number))),
        any::<bool>().prop_map(|flag| Some(AttributeValue::Bool(flag))),
        Just(Some(AttributeValue::Null(true))),
        Just(Some(AttributeValue::L(Vec::new()))),
        Just(Some(AttributeValue::M(Item::new()))),
        vec(any::<u8>(), 0..8).prop_map(|bytes| Some(AttributeValue::B(bytes.into()))),
    ]
}

async fn all_items(stack: &Stack) -> Vec<Item> {
    stack.aws.dynamodb().scan().table_name(TABLE).send().await.unwrap().items.unwrap()
}

async fn put(stack: &Stack, item: Item) {
    stack.aws.dynamodb().put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
}

/// Paths whose handlers read the items in the table.
fn read_paths(items: &[Item]) -> Vec<String> {
    let mut reads: Vec<String> = [
        "/v1/jobs",
        "/v1/kinds",
        "/v1/kinds/http",
        "/v1/schedules",
        "/v1/schedules/nightly",
        "/v1/quotas",
        "/v1/quotas/month",
        "/v1/sources",
        "/v1/sources/kong",
        "/v1/usage",
        "/v1/accounts",
        "/v1/events",
        "/v1/rate",
        "/v1/token",
        "/v1/tables/users/rows",
        "/metrics/bandwidth_used",
    ]
    .map(str::to_owned)
    .to_vec();
    for item in items {
        let (partition, name) = (text(item, "pk"), text(item, "sk"));
        if partition.starts_with("JOBS#") && name.starts_with("job_") && !name.contains('#') {
            let account = partition.split('#').nth(1).unwrap();
            reads.push(format!("/v1/jobs/{name}?account={account}"));
            reads.push(format!("/v1/jobs/{name}/attempts?account={account}"));
            reads.push(format!("/v1/jobs?account={account}"));
            reads.push(format!("/v1/accounts/{account}/keys"));
            reads.push(format!("/v1/accounts/{account}/webhook-secrets"));
            reads.push(format!("/v1/events?account={account}"));
        }
    }
    reads.sort();
    reads.dedup();
    reads
}

#[test]
fn damaged_item_is_reported_and_causes_no_panic() {
    let tried = StackUnderTest::new();
    let operator = tried.stack.operator_key();
    let service = tried.stack.service();
    for asked in valid_requests::seeds(&tried.stack.tenant_account().to_string()) {
        tried.checked_response(&service, asked.with(std::slice::from_ref(&operator))).unwrap();
    }
    let items = tried.runtime.block_on(async {
        tried.stack.run_worker(Duration::from_secs(600)).await;
        tried.stack.check().await.unwrap();
        all_items(&tried.stack).await
    });
    let reads = read_paths(&items);
    // The operator's own items stay intact, because the requests need them for authorization.
    let own = operator.split('_').nth(1).unwrap();
    let others: Vec<_> = items.into_iter().filter(|item| !text(item, "pk").contains(own)).collect();
    assert!(
        others.len() > 30 && reads.len() > 20,
        "{} items, {} addresses",
        others.len(),
        reads.len()
    );
    let told = Cell::new(0);
    runner(4)
        .run(
            &(select(others), any::<prop::sample::Index>(), replacement_value()),
            |(item, at, to)| {
                let Some(damaged) = damage(&item, &at, to) else { return Ok(()) };
                tried.runtime.block_on(put(&tried.stack, damaged));
                // Fresh processes have empty caches.
                let fresh = tried.stack.service();
                for read in &reads {
                    let request =
                        bearer(Request::get(read), &operator).body(Body::empty()).unwrap();
                    told.set(
                        told.get() + u32::from(tried.checked_response(&fresh, request)?.0 == 500),
                    );
                }
                tried.runtime.block_on(async {
                    // The worker and the check may fail on the item but must terminate.
                    tried.stack.run_worker(Duration::from_secs(60)).await;
                    let _ = tried.stack.check().await;
                    put(&tried.stack, item).await;
                });
                Ok(())
            },
        )
        .unwrap();
    assert!(told.get() > 0, "no damaged item was read");
}

/// The item with one attribute changed or removed; `None` if DynamoDB itself would reject the
/// result.
fn damage(item: &Item, at: &prop::sample::Index, to: Option<AttributeValue>) -> Option<Item> {
    let mut names: Vec<_> =
        item.keys().filter(|name| !["pk", "sk"].contains(&name.as_str())).collect();
    names.sort();
    let name = (!names.is_empty()).then(|| names[at.index(names.len())].clone())?;
    let mut damaged = item.clone();
    match to {
        Some(to) => damaged.insert(name, to),
        None => damaged.remove(&name),
    };
    let is_key = |value: &AttributeValue| value.as_s().is_ok_and(|text| !text.is_empty());
    ["agenda", "rank"].iter().all(|key| damaged.get(*key).is_none_or(is_key)).then_some(damaged)
}
