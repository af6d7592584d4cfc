//! The contract of accounts and their keys.

use model::{
    account::{Account, AccountChange, ApiKey, KeyRecord, Scope, WebhookSecrets},
    id::{self, AccountId},
    time::Time,
};
use store::{AccountStore, Table};

use crate::{MINUTE, account, now};

pub async fn a_key_is_found_with_its_account(table: Table) {
    let accounts = AccountStore::new(table.clone());
    let t = now();
    let account = Account { is_active: false, ..Account::create(account(), "someone", [7; 32], t) };
    let key = ApiKey::generate(account.id, id::generate(t, rand::random()), rand::random());
    assert!(accounts.caller(&key, t).await.unwrap().is_none());
    let scopes = [Scope::JobsRead].into_iter().collect();
    let record =
        KeyRecord { valid_until: Some(t + MINUTE), ..KeyRecord::new(&key, "test", scopes, t) };
    accounts.put_key(&record).await.unwrap();
    assert!(accounts.caller(&key, t).await.unwrap().is_none(), "a key without an account");
    accounts.put_account(&account).await.unwrap();
    let found = accounts.caller(&key, t).await.unwrap().unwrap();
    assert!(found.0.accepts(&key, t) && !found.0.accepts(&key, t + MINUTE) && !found.1.is_active);
    let read = accounts.get_consistent(account.id).await.unwrap().unwrap();
    assert_eq!((read.name.as_str(), read.webhook_secrets), ("someone", account.webhook_secrets));
    assert!(accounts.all().await.unwrap().contains(&account.id));
}

fn change(text: &str) -> AccountChange {
    serde_json::from_str(text).unwrap()
}

/// Stores a new account.
async fn create_account(accounts: &AccountStore, at: Time) -> AccountId {
    let account = Account::create(id::generate(at, rand::random()), "someone", [7; 32], at);
    accounts.put_account(&account).await.unwrap();
    account.id
}

pub async fn accounts_are_changed_and_listed(table: Table) {
    let accounts = AccountStore::new(table);
    let t = now();
    let (one, other) =
        (create_account(&accounts, t).await, create_account(&accounts, t + MINUTE).await);
    let changed = accounts
        .change(one, &change(r#"{"name":"x","is_active":false,"max_running":3}"#))
        .await
        .unwrap();
    let changed = changed.unwrap();
    assert_eq!(
        (changed.name.as_str(), changed.is_active, changed.max_running),
        ("x", false, Some(3))
    );
    let again = accounts.change(one, &change(r#"{"max_running":null}"#)).await.unwrap().unwrap();
    assert_eq!((again.name.as_str(), again.is_active, again.max_running), ("x", false, None));
    assert_eq!(accounts.get_consistent(one).await.unwrap().unwrap().name, "x");
    let unknown = account();
    assert!(accounts.change(unknown, &change(r#"{"name":"x"}"#)).await.unwrap().is_none());
    assert!(accounts.get_consistent(unknown).await.unwrap().is_none());

    // Other tests share the table: start where this test's accounts begin.
    let before: AccountId = id::generate(t - MINUTE, rand::random());
    let (mut found, mut after) = (Vec::new(), Some(before));
    while let Some(from) = after {
        let (page, last) = accounts.page(Some(from), 1).await.unwrap();
        found.extend(page.into_iter().map(|account| account.id));
        after = last;
    }
    assert!(found.is_sorted() && found.contains(&one) && found.contains(&other), "{found:?}");
}

pub async fn keys_are_listed_used_and_revoked(table: Table) {
    let accounts = AccountStore::new(table);
    let t = now();
    let account = create_account(&accounts, t).await;
    let mut keys = Vec::new();
    for n in 0..3u32 {
        let key =
            ApiKey::generate(account, id::generate(t + MINUTE * n, rand::random()), rand::random());
        let valid_until = (n == 2).then(|| t + MINUTE);
        let record = KeyRecord {
            valid_until,
            ..KeyRecord::new(&key, "test", [Scope::JobsRead].into_iter().collect(), t)
        };
        accounts.put_key(&record).await.unwrap();
        keys.push(key);
    }
    let (page, last) = accounts.keys(account, None, 2, t).await.unwrap();
    assert_eq!(page.iter().map(|key| key.id).collect::<Vec<_>>(), [keys[0].id, keys[1].id]);
    let (page, last) = accounts.keys(account, last, 2, t).await.unwrap();
    assert_eq!(
        (page.len(), page[0].id, page[0].valid_until, last),
        (1, keys[2].id, Some(t + MINUTE), None)
    );

    accounts.record_use(account, keys[0].id, t).await.unwrap();
    accounts.record_use(account, keys[0].id, t + MINUTE).await.unwrap();
    let shown = async |at| accounts.keys(account, None, 10, at).await.unwrap().0;
    assert_eq!(shown(t).await[0].last_used_at, Some(t), "uses within an hour are not recorded");
    accounts.record_use(account, keys[0].id, t + 60 * MINUTE).await.unwrap();
    assert_eq!(shown(t).await[0].last_used_at, Some(t + 60 * MINUTE));

    assert!(accounts.revoke(account, keys[0].id, t).await.unwrap());
    assert!(accounts.revoke(account, keys[0].id, t + MINUTE).await.unwrap());
    assert_eq!(shown(t).await[0].revoked_at, Some(t));
    let found = accounts.caller(&keys[0], t).await.unwrap().unwrap();
    assert!(!found.0.accepts(&keys[0], t));
    let unknown = id::generate(t, rand::random());
    assert!(!accounts.revoke(account, unknown, t).await.unwrap());
    accounts.record_use(account, unknown, t).await.unwrap();
    let month = 31 * 24 * 60 * MINUTE;
    assert_eq!(shown(t + month).await.iter().map(|key| key.id).collect::<Vec<_>>(), [keys[1].id]);
}

pub async fn secrets_are_replaced_by_one_at_a_time(table: Table) {
    let accounts = AccountStore::new(table);
    let t = now();
    let id = create_account(&accounts, t).await;
    let secrets = async || accounts.get_consistent(id).await.unwrap().unwrap().webhook_secrets;
    let before = secrets().await;
    let (one, other) = (before.rotated([1; 32], t).unwrap(), before.rotated([2; 32], t).unwrap());
    assert!(accounts.replace_secrets(id, &before, &one).await.unwrap());
    assert!(!accounts.replace_secrets(id, &before, &other).await.unwrap());
    assert!(accounts.replace_secrets(id, &before, &one).await.unwrap(), "a repeat");
    assert_eq!(secrets().await, one);
    let next = one.rotated([3; 32], t + MINUTE).unwrap();
    assert!(accounts.replace_secrets(id, &one, &next).await.unwrap());
    assert_eq!((secrets().await, next.all().len()), (next, 3));
    let (mine, new) = (WebhookSecrets::first([4; 32], t), WebhookSecrets::first([5; 32], t));
    assert!(!accounts.replace_secrets(account(), &mine, &new).await.unwrap(), "unknown account");
}
