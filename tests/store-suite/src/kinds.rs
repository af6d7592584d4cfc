//! The contract of kinds.

use model::{kind::KindSpec, name::Name};
use store::{KindStore, Table};

use crate::{MINUTE, now};

pub async fn kinds_are_versioned_and_listed(table: Table) {
    let kinds = KindStore::new(table);
    let spec: KindSpec =
        serde_json::from_str(r#"{"schema": {"type": "object"}, "target": {"type": "echo"}}"#)
            .unwrap();
    let unique = now().millis();
    let names: Vec<Name> = (0..3).map(|n| format!("suite-{unique}-{n}").parse().unwrap()).collect();
    let t = now();
    for name in &names {
        assert!(kinds.put(name, &spec, "1", t).await.unwrap().1);
    }
    let (again, new) = kinds.put(&names[0], &spec, "2", t + MINUTE).await.unwrap();
    assert!(!new && again.created_at == t && again.updated_at == t + MINUTE);
    kinds.disable(&names[0], "1").await.unwrap();
    assert!(
        !kinds.find(&names[0]).await.unwrap().unwrap().disabled,
        "disabling an older version keeps a newer one enabled"
    );
    kinds.disable(&names[0], "2").await.unwrap();
    assert!(kinds.find(&names[0]).await.unwrap().unwrap().disabled);
    kinds.put(&names[0], &spec, "3", t).await.unwrap();
    assert!(!kinds.find(&names[0]).await.unwrap().unwrap().disabled);

    let (page, more) = kinds.page(Some(&format!("suite-{unique}-")), 2).await.unwrap();
    assert_eq!(page.iter().map(|kind| &kind.name).collect::<Vec<_>>(), [&names[0], &names[1]]);
    assert!(more);
    for name in &names {
        assert!(kinds.delete(name).await.unwrap());
        assert!(!kinds.delete(name).await.unwrap());
    }
}
