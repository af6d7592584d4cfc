//! The contract of schedules.

use model::{name::Name, schedule::ScheduleSpec};
use store::{ScheduleStore, Table};

use crate::{MINUTE, account, now};

pub async fn schedules_are_restored_to_their_previous_definition(table: Table) {
    let schedules = ScheduleStore::new(table);
    let name: Name = format!("suite-{}", now().millis()).parse().unwrap();
    let spec = |expression: &str| -> ScheduleSpec {
        let payload = r#"{"n": 1.50}"#;
        let job = format!(r#"{{"kind": "echo", "payload": {payload}, "metadata": {{"a": "b"}}}}"#);
        let text = format!(
            r#"{{"expression": "{expression}", "account": "{}", "job": {job}}}"#,
            account()
        );
        serde_json::from_str(&text).unwrap()
    };
    let t = now();
    assert!(schedules.find(&name).await.unwrap().is_none());

    let (refused, new) = schedules.put(&name, &spec("rate(1 day)"), "1", t).await.unwrap();
    assert!(new);
    schedules.roll_back(&refused, None).await.unwrap();
    assert!(schedules.find(&name).await.unwrap().is_none());

    let (first, _) = schedules.put(&name, &spec("rate(1 day)"), "2", t).await.unwrap();
    let (second, new) = schedules.put(&name, &spec("rate(2 days)"), "3", t + MINUTE).await.unwrap();
    assert!(!new && second.created_at == t && second.updated_at == t + MINUTE);
    schedules.roll_back(&second, Some(first.clone())).await.unwrap();
    let back = schedules.find(&name).await.unwrap().unwrap();
    assert_eq!(
        (back.version.as_str(), back.spec.expression.as_str(), back.updated_at),
        ("2", "rate(1 day)", t)
    );
    assert_eq!(back.spec.job.payload.as_str(), r#"{"n": 1.50}"#);
    schedules.roll_back(&second, None).await.unwrap();
    assert!(
        schedules.find(&name).await.unwrap().is_some(),
        "a newer definition is not replaced by an older one"
    );

    let (page, _) = schedules
        .page(None, Some(&format!("{}!", &name.as_str()[..name.as_str().len() - 1])), 1)
        .await
        .unwrap();
    assert_eq!(page[0].name, name);
    let names = async || {
        let (page, _) = schedules.page(Some(back.spec.account), None, 2).await.unwrap();
        page.into_iter().map(|schedule| schedule.name).collect::<Vec<_>>()
    };
    assert_eq!(names().await, [name]);
    assert!(schedules.delete(&back).await.unwrap());
    assert_eq!(names().await, []);
    assert!(!schedules.delete(&back).await.unwrap());
}
