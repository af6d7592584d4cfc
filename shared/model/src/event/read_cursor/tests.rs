//! For any clock skew, delay, page size and restart: each event is delivered once, and each stream
//! in order.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::{
    event::{Content, WRITE_TIMEOUT, WriterStream},
    id::generate,
};

const START: i64 = 1_763_654_400_000;

/// One writer: its clock's lead, and for each event the account, the pause before it and the
/// duration of its write.
type Writer = (i64, Vec<(usize, i64, i64)>);

fn writers() -> impl Strategy<Value = Vec<Writer>> {
    let longest = millis(WRITE_TIMEOUT);
    let event = (
        0usize..3,
        prop_oneof![Just(0i64), 0i64..40, 0i64..6000],
        prop_oneof![0i64..30, 0i64..longest],
    );
    let writer = (0i64..=2000, proptest::collection::vec(event, 0..40));
    proptest::collection::vec(writer, 1..8)
}

/// For each read: the pause before it, the lead of the reader's clock, the limit, the maximum
/// number of events read per account, and whether the cursor is encoded and decoded.
fn reads() -> impl Strategy<Value = Vec<(i64, i64, usize, usize, bool)>> {
    let pause = prop_oneof![Just(1i64), 1i64..300, 1i64..15_000];
    proptest::collection::vec(
        (pause, 0i64..=2000, 1usize..30, prop_oneof![Just(usize::MAX), 1usize..20], any::<bool>()),
        1..60,
    )
}

fn account(n: usize) -> AccountId {
    generate(Time::from_millis(START), [u8::try_from(n).unwrap(); 10])
}

/// All events with the true time at which each becomes visible.
fn written(writers: &[Writer]) -> Vec<(i64, Event)> {
    let mut all = Vec::new();
    for (n, (ahead, events)) in writers.iter().enumerate() {
        let mut lane = WriterStream::new([u8::try_from(n).unwrap() + 1; 6]);
        let mut clock = START;
        for (of, pause, delay) in events {
            clock += pause;
            let id = lane.next_id(Time::from_millis(clock + ahead)).unwrap();
            clock += delay;
            let content = Content::data(RawValue::NULL.to_owned(), String::new());
            all.push((clock, Event { id, account: account(*of), content }));
        }
    }
    all
}

/// One read at the true time `at`, as a store performs it: per account up to `most` events before
/// the low watermark, oldest first. Younger events are included only if these were all.
fn read(
    position: &mut ReadCursor,
    all: &[(i64, Event)],
    at: i64,
    ahead: i64,
    limit: usize,
    most: usize,
) -> Vec<Event> {
    let now = Time::from_millis(at + ahead);
    let mut complete_to: Option<EventId> = None;
    let mut found = Vec::new();
    for n in 0..3 {
        let mut of: Vec<_> = all
            .iter()
            .filter(|(seen, event)| {
                *seen <= at && event.account == account(n) && event.id > position.watermark()
            })
            .map(|(_, event)| event.clone())
            .collect();
        of.sort_by_key(|event| event.id);
        if of.get(most).is_some_and(|event| event.id < ReadCursor::low_watermark(now)) {
            of.truncate(most);
            let last = of.last().map(|event| event.id);
            complete_to = complete_to.min(last).or(complete_to).or(last);
        }
        found.extend(of);
    }
    position.deliver(found, complete_to, limit, now)
}

fn follow(
    writers: &[Writer],
    reads: &[(i64, i64, usize, usize, bool)],
) -> (Vec<Event>, Vec<(usize, ReadCursor)>, Vec<Event>) {
    let all = written(writers);
    let mut position = ReadCursor::oldest(Time::from_millis(START));
    let (mut at, mut told, mut stops) = (START, Vec::new(), Vec::new());
    for (pause, ahead, limit, most, copies) in reads {
        at += pause;
        told.extend(read(&mut position, &all, at, *ahead, *limit, *most));
        if *copies {
            position = ReadCursor::from_bytes(&position.to_bytes()).unwrap();
        }
        stops.push((told.len(), position.clone()));
    }
    told.extend(rest(&mut position, &all, at));
    (told, stops, all.into_iter().map(|(_, event)| event).collect())
}

/// Everything left once the watermark has passed all events.
fn rest(position: &mut ReadCursor, all: &[(i64, Event)], at: i64) -> Vec<Event> {
    let end = all.iter().map(|(seen, _)| *seen).max().unwrap_or(START).max(at) + 60_000;
    let mut told = Vec::new();
    loop {
        let before = position.clone();
        told.extend(read(position, all, end, 0, 7, 5));
        if *position == before {
            return told;
        }
    }
}

/// All events visible at the true time `at`, from the low watermark of a reader whose clock is
/// `ahead`.
fn there(all: &[(i64, Event)], at: i64, ahead: i64) -> Vec<(AccountId, EventId)> {
    let edge = ReadCursor::low_watermark(Time::from_millis(at + ahead));
    let seen = all.iter().filter(|(seen, event)| *seen <= at && event.id > edge);
    seen.map(|(_, event)| (event.account, event.id)).collect()
}

fn ids(events: &[Event]) -> Vec<EventId> {
    let mut ids: Vec<_> = events.iter().map(|event| event.id).collect();
    ids.sort();
    ids
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_event_is_read_once_and_lanes_in_order(writers in writers(), reads in reads()) {
        let (told, stops, all) = follow(&writers, &reads);
        prop_assert_eq!(ids(&told), ids(&all));
        let mut last = BTreeMap::new();
        for event in &told {
            let before = last.insert((event.account, stream_of(&event.id)), event.id);
            prop_assert!(before.is_none_or(|before| before < event.id));
        }
        // Any stored cursor continues as the original would have.
        if let Some((count, position)) = stops.get(stops.len() / 2) {
            let mut again = told[..*count].to_vec();
            let mut position = ReadCursor::from_bytes(&position.to_bytes()).unwrap();
            again.extend(rest(&mut position, &written(&writers), START));
            prop_assert_eq!(ids(&again), ids(&all));
        }
    }

    #[test]
    fn now_tells_what_comes_from_what_was_there(
        writers in writers(),
        reads in reads(),
        at in 0i64..60_000,
        ahead in 0i64..=2000,
    ) {
        let (all, at) = (written(&writers), START + at);
        let mut position = ReadCursor::after(there(&all, at, ahead), Time::from_millis(at + ahead));
        let (mut told, mut read_at) = (Vec::new(), at);
        for (pause, ahead, limit, most, copies) in &reads {
            read_at += pause;
            told.extend(read(&mut position, &all, read_at, *ahead, *limit, *most));
            if *copies {
                position = ReadCursor::from_bytes(&position.to_bytes()).unwrap();
            }
        }
        told.extend(rest(&mut position, &all, read_at));
        let later: Vec<_> =
            all.into_iter().filter(|(seen, _)| *seen > at).map(|(_, event)| event).collect();
        prop_assert_eq!(ids(&told), ids(&later));
    }

    #[test]
    fn no_bytes_upset_it(bytes: Vec<u8>) {
        if let Ok(position) = ReadCursor::from_bytes(&bytes) {
            let _ = position.clone().deliver(Vec::new(), None, 1, Time::from_millis(START));
        }
    }
}

fn alone(n: u64, at: i64) -> Event {
    let id = crate::id::derived(Time::from_millis(at), &[&n.to_string()]);
    Event {
        id,
        account: account(0),
        content: Content::data(RawValue::NULL.to_owned(), String::new()),
    }
}

/// 1000 streams: those that do not fit wait for the watermark, and the cursor stays small.
#[test]
fn surplus_streams_wait_for_the_watermark() {
    let all: Vec<_> = (0..1000).map(|n| (START, alone(n, START))).collect();
    let mut position = ReadCursor::oldest(Time::from_millis(START));
    let mut told = 0;
    for _ in 0..20 {
        told += read(&mut position, &all, START + 1000, 0, 100, usize::MAX).len();
        assert!(position.to_bytes().len() <= 3100, "{}", position.to_bytes().len());
    }
    assert_eq!(told, MAX_STREAMS);
    told += rest(&mut position, &all, START).len();
    assert_eq!((told, position.to_bytes().len()), (1000, 17));
}

/// More streams than fit: visible events that did not fit are delivered again, and so are new ones.
#[test]
fn start_now_with_surplus_streams_misses_no_event() {
    let mut all: Vec<_> = (0..1000).map(|n| (START, alone(n, START))).collect();
    let mut position =
        ReadCursor::after(there(&all, START + 1000, 0), Time::from_millis(START + 1000));
    assert!(position.to_bytes().len() <= 3100);
    all.extend((1000..1100).map(|n| (START + 1500, alone(n, START + 500))));
    let told = ids(&rest(&mut position, &all, START));
    assert_eq!(told.len(), 1100 - MAX_STREAMS);
    assert!((1000..1100).all(|n| told.contains(&alone(n, START + 500).id)));
}

#[test]
fn young_events_are_held_back() {
    let all = [(START, alone(1, START))];
    let mut position = ReadCursor::oldest(Time::from_millis(START));
    let settling = millis(REORDER_WINDOW);
    assert_eq!(read(&mut position, &all, START + settling - 1, 0, 10, usize::MAX).len(), 0);
    assert_eq!(read(&mut position, &all, START + settling, 0, 10, usize::MAX).len(), 1);
    assert!(ALLOWED_LATENESS > Duration::from_secs(2) + WRITE_TIMEOUT);
}
