//! Rows: changed in one transaction, read in pages.

use model::{
    id::{self, AccountId, JobId},
    records::{Changes, Identifier, MAX_ACTIVITIES, MAX_COLUMNS, Row},
};
use serde_json::{Value, json};
use store::{Applied, RowStore, Table};

use crate::{MINUTE, account, now};

/// One account's rows. Each change is made by its own job.
struct Rows {
    store: RowStore,
    account: AccountId,
}

impl Rows {
    fn new(table: Table) -> Self {
        Self { store: RowStore::new(table), account: account() }
    }

    async fn apply_as(&self, job: JobId, activities: Value) -> Applied {
        let changes =
            Changes::parse(&crate::json(&json!({"activities": activities}).to_string()), "");
        self.store
            .apply(self.account, job, &changes.unwrap().effects, now() + MINUTE)
            .await
            .unwrap()
    }

    async fn apply(&self, activities: Value) -> Applied {
        self.apply_as(id::generate(now(), rand::random()), activities).await
    }

    async fn page(
        &self,
        table: &str,
        after: Option<&str>,
        limit: usize,
    ) -> (Vec<Row>, Option<String>) {
        let table: Identifier = table.parse().unwrap();
        let page = self.store.page(self.account, &table, after, limit).await.unwrap();
        (page.rows, page.ended_at)
    }

    /// The key and the named cells of each row.
    async fn all(&self, table: &str) -> Value {
        let shown = |row: Row| {
            let cells = row.values.iter().map(|(name, cell)| (name.as_str(), cell.json()));
            (
                row.key.json().to_owned(),
                cells.map(|(n, c)| format!("{n}={c}")).collect::<Vec<_>>().join(" "),
            )
        };
        json!(self.page(table, None, 100).await.0.into_iter().map(shown).collect::<Vec<_>>())
    }
}

fn insert(table: &str, id: i64, name: &str) -> Value {
    json!({
        "operation": "insert", "table": table,
        "col_names": ["id", "name"], "col_types": ["INTEGER", "TEXT"], "col_values": [id, name],
    })
}

fn delete(table: &str, id: i64, name: Option<&str>) -> Value {
    let mut value = json!({"col_names": ["id"], "col_types": ["INTEGER"], "col_values": [id]});
    if let Some(name) = name {
        value = json!({
            "col_names": ["id", "name"],
            "col_types": ["INTEGER", "TEXT"],
            "col_values": [id, name],
        });
    }
    json!({"operation": "delete", "table": table, "value_to_delete": value})
}

pub async fn changes_are_applied_once_and_read_back(table: Table) {
    let rows = Rows::new(table.clone());
    let job = id::generate(now(), rand::random());
    let changes = json!([insert("a", 7, "x"), insert("b", 7, "y")]);
    for _ in 0..2 {
        assert_eq!(rows.apply_as(job, changes.clone()).await, Applied::Done);
    }
    assert_eq!(rows.all("a").await, json!([["7", "id=7 name=\"x\""]]));
    // The changes are applied again if another job has changed the rows in between.
    assert_eq!(rows.apply(json!([delete("a", 7, None)])).await, Applied::Done);
    assert_eq!(rows.apply_as(job, changes.clone()).await, Applied::Done);
    assert_eq!(rows.all("a").await, json!([]));
    assert_eq!(rows.all("b").await, json!([["7", "id=7 name=\"y\""]]));
    assert_eq!(Rows::new(table).all("b").await, json!([]), "another account's");
}

pub async fn changes_are_applied_together_or_not_at_all(table: Table) {
    let rows = Rows::new(table);
    rows.apply(json!([insert("a", 2, "x")])).await;
    let job = id::generate(now(), rand::random());
    let changes = json!([
        insert("a", 1, "y"),
        delete("b", 1, None),
        insert("a", 2, "y"),
        insert("a", 3, "y")
    ]);
    assert_eq!(rows.apply_as(job, changes.clone()).await, Applied::Conflict { effect: 2 });
    assert_eq!(rows.all("a").await, json!([["2", "id=2 name=\"x\""]]));
    // A conflict leaves no marker: the same job succeeds once the other row is deleted.
    rows.apply(json!([delete("a", 2, None)])).await;
    assert_eq!(rows.apply_as(job, changes).await, Applied::Done);
    assert_eq!(rows.page("a", None, 100).await.0.len(), 3);
}

pub async fn a_row_is_deleted_only_if_its_values_match(table: Table) {
    let rows = Rows::new(table);
    rows.apply(json!([insert("a", 1, "x")])).await;
    let text = json!({
        "operation": "delete", "table": "a",
        "value_to_delete": {"col_names": ["id"], "col_types": ["TEXT"], "col_values": ["1"]},
    });
    let unknown = json!({
        "operation": "delete", "table": "a",
        "value_to_delete": {
            "col_names": ["id", "more"],
            "col_types": ["INTEGER", "TEXT"],
            "col_values": [1, null],
        },
    });
    for other in [delete("a", 1, Some("y")), text, unknown] {
        assert_eq!(rows.apply(json!([other])).await, Applied::Conflict { effect: 0 }, "{other}");
    }
    // A row that is inserted and deleted in one transaction needs a free key.
    let passing = json!([insert("a", 1, "z"), delete("a", 1, None)]);
    assert_eq!(rows.apply(passing.clone()).await, Applied::Conflict { effect: 0 });
    let replaced = json!([delete("a", 1, Some("x")), insert("a", 1, "y"), insert("a", 2, "z")]);
    assert_eq!(rows.apply(replaced).await, Applied::Done);
    assert_eq!(rows.all("a").await, json!([["1", "id=1 name=\"y\""], ["2", "id=2 name=\"z\""]]));
    let gone = json!([
        delete("a", 1, Some("y")),
        delete("a", 2, None),
        delete("a", 3, Some("never there"))
    ]);
    assert_eq!(rows.apply(gone).await, Applied::Done);
    assert_eq!(rows.apply(passing).await, Applied::Done);
    assert_eq!(rows.all("a").await, json!([]));
}

pub async fn many_and_large_rows_are_paged(table: Table) {
    let rows = Rows::new(table);
    let many: Vec<_> = (0..MAX_ACTIVITIES).map(|n| insert("a", n as i64, "x")).collect();
    assert_eq!(rows.apply(json!(many)).await, Applied::Done);
    let (mut keys, mut after, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let (page, ended_at) = rows.page("a", after.as_deref(), 40).await;
        keys.extend(page.iter().map(|row| row.key.key()));
        (after, pages) = (ended_at, pages + 1);
        if after.is_none() {
            break;
        }
    }
    let mut wanted: Vec<_> = (0..MAX_ACTIVITIES).map(|n| n.to_string()).collect();
    wanted.sort();
    assert_eq!((keys, pages), (wanted, 3));
    // The maximum number of columns, in a condition too.
    let names: Vec<_> = (0..MAX_COLUMNS).map(|n| format!("{}{n}", "c".repeat(60))).collect();
    let (types, values) = (vec!["TEXT"; MAX_COLUMNS], vec!["v".repeat(512); MAX_COLUMNS]);
    let wide = json!({"col_names": names, "col_types": types, "col_values": values});
    let mut insert = wide.clone();
    (insert["operation"], insert["table"]) = ("insert".into(), "wide".into());
    assert_eq!(rows.apply(json!([insert])).await, Applied::Done);
    let delete = json!({"operation": "delete", "table": "wide", "value_to_delete": wide});
    assert_eq!(rows.apply(json!([delete])).await, Applied::Done);
    assert_eq!(rows.all("wide").await, json!([]));
}

pub async fn hostile_values_are_only_values(table: Table) {
    let rows = Rows::new(table);
    let hostile = [
        "'; DROP TABLE users; --",
        "#",
        "TABLE#a#b",
        "\"",
        "\u{0}",
        " ",
        "ä\u{1f980}",
        ":0",
        "{\"S\":\"x\"}",
    ];
    let row = |operation: &str, text: &str| {
        let columns = json!({
            "col_names": ["pk", "expires_at"],
            "col_types": ["text", "Text"],
            "col_values": [text, text],
        });
        match operation {
            "delete" => json!({"operation": operation, "table": "_", "value_to_delete": columns}),
            _ => {
                let mut columns = columns;
                (columns["operation"], columns["table"]) = (operation.into(), "_".into());
                columns
            }
        }
    };
    let inserts: Vec<_> = hostile.iter().map(|text| row("INSERT", text)).collect();
    assert_eq!(rows.apply(json!(inserts)).await, Applied::Done);
    let mut read: Vec<_> =
        rows.page("_", None, 100).await.0.iter().map(|row| row.key.key()).collect();
    let mut wanted: Vec<_> = hostile.iter().map(|text| (*text).to_owned()).collect();
    read.sort();
    wanted.sort();
    assert_eq!(read, wanted);
    let deletes: Vec<_> = hostile.iter().map(|text| row("delete", text)).collect();
    assert_eq!(rows.apply(json!(deletes)).await, Applied::Done);
    assert_eq!(rows.all("_").await, json!([]));
}
