use proptest::prelude::*;

use super::*;
use crate::id::mint;

const START: Time = Time::from_millis(1_795_190_400_000);

fn account(nth: u8) -> AccountId {
    mint(START, [nth; 10])
}

fn sum<'a>(bytes: impl IntoIterator<Item = &'a u64>) -> u64 {
    bytes.into_iter().sum()
}

/// What happens to a process, in a random order.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Counts(u8, u64),
    Passes(u64),
    /// It writes, and the write gets there at once or not; its answer too.
    Writes {
        lands: bool,
        is_answered: bool,
    },
    /// A write that was under way gets there after all.
    Lands(usize),
}

fn happening() -> impl Strategy<Value = Happening> {
    let writes = (any::<bool>(), any::<bool>())
        .prop_map(|(lands, is_answered)| Happening::Writes { lands, is_answered });
    prop_oneof![
        3 => (0u8..4, 0u64..1000).prop_map(|(account, bytes)| Happening::Counts(account, bytes)),
        2 => prop_oneof![0u64..100, 0u64..100_000, 0u64..10_000_000].prop_map(Happening::Passes),
        4 => writes,
        2 => (0usize..4).prop_map(Happening::Lands),
    ]
}

/// The table, in which the first write of a place is there for good.
#[derive(Default)]
struct Places(BTreeMap<(Time, u64), Option<BTreeMap<Series, u64>>>);

impl Places {
    fn write(&mut self, write: Write) -> Place {
        let (reading, content) = match write {
            Write::Put(reading) => (reading.clone(), Some(reading.bytes)),
            Write::TakePlace(reading) => (reading, None),
        };
        let found = self.0.entry((reading.minute, reading.number)).or_insert(content);
        if found.is_some() { Place::Filled } else { Place::Empty }
    }
}

proptest! {
    /// However writes get lost, are late or overtake one another: what was counted is in one reading in the end.
    #[test]
    fn every_byte_is_in_one_reading(happenings in prop::collection::vec(happening(), 0..120)) {
        let (mut meter, mut places, mut under_way) = (Meter::default(), Places::default(), Vec::new());
        let (mut now, mut truth) = (START, BTreeMap::<Series, u64>::new());
        for happening in happenings {
            match happening {
                Happening::Counts(nth, bytes) => {
                    meter.count(account(nth), Direction::Egress, "GET /", bytes);
                    if bytes > 0 {
                        *truth.entry(own(Some(account(nth)), Direction::Egress, "GET /")).or_default() += bytes;
                    }
                }
                Happening::Passes(millis) => now = now + Duration::from_millis(millis),
                Happening::Writes { lands, is_answered } => {
                    let Some(write) = meter.write(now) else { continue };
                    if let Write::Put(reading) = &write {
                        prop_assert!(now < reading.minute + MINUTE + LATE);
                    }
                    if !lands {
                        under_way.push(write);
                    } else {
                        let place = places.write(write);
                        if is_answered {
                            meter.written(place);
                        }
                    }
                }
                Happening::Lands(nth) if nth < under_way.len() => {
                    places.write(under_way.swap_remove(nth));
                }
                Happening::Lands(_) => {}
            }
        }
        // The outage ends, and so does what was under way; then nothing is left.
        while let Some(write) = meter.write(now) {
            meter.written(places.write(write));
        }
        under_way.into_iter().for_each(|write| { places.write(write); });
        let mut counted = BTreeMap::<Series, u64>::new();
        for (series, bytes) in places.0.into_values().flatten().flatten() {
            prop_assert!(bytes > 0);
            *counted.entry(series).or_default() += bytes;
        }
        prop_assert_eq!(counted, truth);
    }

    /// However many accounts there are: no more series than a process may keep, and no byte less.
    #[test]
    fn what_is_beyond_the_bound_is_nobodys_and_not_lost(accounts in 0u64..2000, bytes in 1u64..1000) {
        let mut meter = Meter::default();
        for nth in 0..accounts {
            let mut entropy = [0; 10];
            entropy[..8].copy_from_slice(&nth.to_be_bytes());
            meter.count(mint(START, entropy), Direction::Ingress, "POST /v1/jobs", bytes);
        }
        prop_assert_eq!(meter.is_full(), accounts >= 250);
        let Some(Write::Put(reading)) = meter.write(START) else {
            prop_assert_eq!(accounts, 0);
            return Ok(());
        };
        prop_assert!(reading.bytes.len() <= MOST_SERIES + 2);
        prop_assert_eq!(sum(reading.bytes.values()), accounts * bytes);
        let others = reading.bytes.get(&own(None, Direction::Ingress, OTHERS)).copied();
        prop_assert_eq!(others.unwrap_or_default(), accounts.saturating_sub(500) * bytes);
    }
}

#[test]
fn a_reading_is_of_the_minute_in_which_it_is_taken() {
    let mut meter = Meter::default();
    assert_eq!(meter.write(START), None);
    meter.count(account(1), Direction::Egress, "GET /", 0);
    assert_eq!(meter.write(START), None, "nothing is no series");
    meter.count(account(1), Direction::Egress, "GET /", 7);
    let frozen_until = START + Duration::from_millis(600_123);
    let Some(Write::Put(reading)) = meter.write(frozen_until) else { panic!() };
    assert_eq!((reading.minute, reading.number), (START + Duration::from_secs(600), 1));
    // It stays so while its fate isn't known, and is given up when its minute is over.
    let minute = reading.minute;
    assert_eq!(meter.write(minute + Duration::from_secs(89)), Some(Write::Put(reading.clone())));
    assert_eq!(meter.write(minute + Duration::from_secs(90)), Some(Write::TakePlace(reading)));
    meter.count(account(1), Direction::Egress, "GET /", 5);
    meter.written(Place::Empty);
    let Some(Write::Put(next)) = meter.write(minute + Duration::from_secs(91)) else { panic!() };
    assert_eq!((next.minute, next.number, sum(next.bytes.values())), (minute + MINUTE, 2, 12));
}
