//! The contract of events.

use std::time::Duration;

use model::{
    event::{Content, ReadCursor},
    id::{self, EventId},
    time::Time,
};
use runtime::{clock::Clock, telemetry::Metrics};
use serde_json::value::RawValue;
use store::{EventStore, IdempotencyKey, PublishResult, ReadLimits, Table, Throughput};

use crate::{account, now};

fn content(text: &str) -> Content {
    Content::data(RawValue::from_string(text.to_owned()).unwrap(), "suite".to_owned())
}

fn store(table: &Table, clock: Clock) -> EventStore {
    EventStore::new(
        table.clone(),
        Throughput::new(table.clone(), clock.clone()),
        Metrics::new(drop),
        clock,
    )
}

/// A clock that always returns this time.
fn fixed_clock(at: Time) -> Clock {
    Clock::new(move || at)
}

pub async fn events_are_read_in_order(table: Table) {
    let (mine, other, t) = (account(), account(), now());
    let (writer, second) =
        (store(&table, fixed_clock(t)), store(&table, fixed_clock(t - Duration::from_secs(2))));
    let mut position = ReadCursor::oldest(t);
    let reader = |seconds| store(&table, fixed_clock(t + Duration::from_secs(seconds)));
    let texts = async |reader: EventStore, position: &mut ReadCursor, limit| {
        let extent = ReadLimits { events: limit, bytes: 1000 };
        let portion = reader.read(&[mine], position, extent).await.unwrap();
        portion.events.iter().map(|event| event.content.data.get().to_owned()).collect::<Vec<_>>()
    };
    for n in 0..5 {
        let place = writer.reserve().await;
        let id = place.id();
        assert_eq!(writer.publish(place, mine, content(&n.to_string())).await.unwrap(), id);
    }
    let place = writer.reserve().await;
    writer.publish(place, other, content("9")).await.unwrap();
    assert_eq!(texts(reader(0), &mut position, 10).await, [""; 0], "within the reorder window");
    assert_eq!(texts(reader(1), &mut position, 3).await, ["0", "1", "2"]);
    let place = second.reserve().await;
    second.publish(place, mine, content("\"late\"")).await.unwrap();
    assert_eq!(texts(reader(1), &mut position, 10).await, ["\"late\"", "3", "4"]);
    assert_eq!(texts(reader(60), &mut position, 10).await, [""; 0]);
    let mut fresh = ReadCursor::oldest(t);
    assert_eq!(texts(reader(60), &mut fresh, 4).await, ["\"late\"", "0", "1", "2"]);
    assert_eq!(texts(reader(60), &mut fresh, 4).await, ["3", "4"]);
    let week = 7 * 24 * 3600;
    assert_eq!(texts(reader(week + 1), &mut ReadCursor::oldest(t), 10).await, [""; 0], "expired");
}

pub async fn an_event_is_published_once(table: Table) {
    let (mine, t) = (account(), now());
    let first: EventId = id::generate(t, rand::random());
    let key = IdempotencyKey::of("suite");
    let publish = async |seconds| {
        let store = store(&table, fixed_clock(t + Duration::from_secs(seconds)));
        store.publish_once(mine, &key, "x", first, content("1")).await.unwrap()
    };
    let decided = t + Duration::from_secs(15);
    assert_eq!(publish(1).await, PublishResult::RetryAt(decided));
    let PublishResult::Stored(id) = publish(15).await else { panic!("it is decided") };
    assert!(id != first && id::time_of(&id) >= decided);
    for seconds in [15, 16, 3600] {
        assert_eq!(publish(seconds).await, PublishResult::Stored(id));
    }
}
