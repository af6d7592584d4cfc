use std::time::Duration;

use shared::{
    aws::{ReadingStore, Table, UsageStore},
    time::Time,
    usage::{
        Direction, Filter, Origin, Reading, Step, Windows,
        meter::{Place, Write, own},
    },
};
use uuid::Uuid;

use super::{MINUTE, account, now};

/// A minute of which nobody collects readings any more.
fn long_ago() -> Time {
    let time = now() - Duration::from_secs(86400 / 2 + rand::random::<u64>() % 30_000);
    Time::from_millis(time.millis() - time.millis().rem_euclid(60_000))
}

/// What comes first to a reading's place is there for good, and everybody is told what it is.
pub async fn a_reading_is_in_its_place_or_never_will_be(table: Table) {
    let (store, minute, process) = (ReadingStore::new(table), long_ago(), Uuid::new_v4());
    let account = account();
    let (sent, got) = (
        own(Some(account), Direction::Ingress, "POST /v1/jobs"),
        own(Some(account), Direction::Egress, "GET /v1/jobs/{id}"),
    );
    let reading = |number: u64, bytes: u64| {
        let bytes = [(sent.clone(), bytes), (got.clone(), u64::from(u32::MAX) + bytes)].into();
        Reading { minute, number, bytes }
    };
    let write = async |process: Uuid, write: Write| store.write(process, &write).await.unwrap();
    for _ in 0..2 {
        assert_eq!(write(process, Write::Put(reading(1, 5))).await, Place::Filled);
        assert_eq!(write(process, Write::TakePlace(reading(1, 5))).await, Place::Filled);
        assert_eq!(write(process, Write::TakePlace(reading(2, 7))).await, Place::Empty);
        assert_eq!(write(process, Write::Put(reading(2, 7))).await, Place::Empty);
        assert_eq!(
            write(Uuid::from_u128(process.as_u128() + 1), Write::Put(reading(2, 9))).await,
            Place::Filled
        );
    }
    let sums = store.sums(minute).await.unwrap();
    assert_eq!(sums.get(&sent), Some(&14));
    assert_eq!(sums.get(&got), Some(&(2 * u64::from(u32::MAX) + 14)));
    assert_eq!(store.sums(minute + MINUTE).await.unwrap().get(&sent), None);
}

/// Minutes over three hours, which grow while they are looked at, from a head that others have written and one that is right.
pub async fn minutes_are_counted_up_to_what_they_come_to(table: Table) {
    let usage = UsageStore::new(table);
    let name = format!("suite-{:x}", rand::random::<u64>()).parse().unwrap();
    let (origin, series) = (Origin::Source(name), own(Some(account()), Direction::Egress, "GET /"));
    let start = long_ago();
    let at = |minute: u32| start + MINUTE * minute;
    let (mut head, mut sums) = (None, Vec::<(Time, u64)>::new());
    for minute in (0..150).step_by(10) {
        let stale = head.clone();
        sums.push((at(minute), 100));
        // What is of the hour before grows too.
        let late = sums.len().saturating_sub(7);
        sums[late].1 += 1;
        for known in [head.clone(), stale, None] {
            head = usage.count_sums(&series, &origin, known, &sums).await.unwrap();
            assert_eq!(
                head.as_ref().unwrap().total,
                sums.iter().map(|(_, bytes)| bytes).sum::<u64>(),
                "{minute}"
            );
        }
    }
    let less: Vec<_> = sums.iter().map(|(time, bytes)| (*time, bytes - 1)).collect();
    assert_eq!(usage.count_sums(&series, &origin, head.clone(), &less).await.unwrap(), head);
    let windows = Windows::new(start, Some(at(150)), Some(Step::Minute), now()).unwrap();
    let filter = Filter { account: series.account, ..Filter::default() };
    let (counting, _) = usage.series(&filter, None, 10).await.unwrap();
    let points = usage.chart(&counting, windows).await.unwrap().remove(0);
    let charted: Vec<_> = points.iter().filter_map(|(_, bytes)| bytes).collect();
    assert_eq!(charted, sums.iter().map(|(_, bytes)| *bytes).collect::<Vec<_>>());
}
