//! The contract of usage: totals, charts and reports.

use std::{collections::BTreeMap, time::Duration};

use model::{
    id::AccountId,
    name::Name,
    time::Time,
    usage::{
        Counter, Day, Direction, Filter, Hour, OpenHour, Origin, Report, ReportId, Series,
        SourceSpec, Step, Windows,
    },
};
use store::{CountResult, PushResult, SourceStore, Table, UsageStore};

use crate::{MINUTE, account, now};

fn series(account: AccountId, route: &str) -> Series {
    let (service, route) = ("a#b%".parse().unwrap(), route.parse().unwrap());
    Series { account: Some(account), direction: Direction::Egress, service, route }
}

/// A source for one test. It is defined, so that its open hours are found.
async fn source(table: &Table) -> (SourceStore, Name) {
    let sources = SourceStore::new(table.clone());
    let name: Name = format!("suite-{:x}", rand::random::<u64>()).parse().unwrap();
    let spec = r#"{"type":"prometheus","url":"https://kong.example","preset":"kong2"}"#;
    let spec: SourceSpec = serde_json::from_str(spec).unwrap();
    assert!(sources.put(&name, &spec, "1", now()).await.unwrap().1);
    (sources, name)
}

/// The start of the hour before the previous one, so that nothing is in the future.
fn start() -> Time {
    Hour::of(now() - 120 * MINUTE).start()
}

/// Two hours with gaps: the total at each minute is the sum counted before it. A count based on
/// an outdated open hour is rejected.
pub async fn totals_are_known_for_every_minute(table: Table) {
    let (usage, (_, name)) = (UsageStore::new(table.clone()), source(&table).await);
    let (start, origin, series) = (start(), Origin::Source(name), series(account(), "r"));
    let mut truth: BTreeMap<u32, u64> = BTreeMap::new();
    let mut head: Option<OpenHour> = None;
    for minute in (0..119).filter(|minute| minute % 7 != 3 && !(50..65).contains(minute)) {
        let due = start + MINUTE * (minute + 1);
        let counter = Counter { value: 0, samples: 1, due, generation: "x".to_owned() };
        let base = head.clone().unwrap_or_else(|| {
            OpenHour::new(series.clone(), origin.clone(), Hour::of(due - MINUTE))
        });
        let bytes = u64::from(minute) * 1000 + 1;
        let advance = base.advance(&[(due - MINUTE, bytes)], Some(counter));
        assert!(
            matches!(usage.count(head.as_ref(), &advance).await.unwrap(), CountResult::Written),
            "{minute}"
        );
        let CountResult::Conflict(Some(found)) =
            usage.count(head.as_ref(), &advance).await.unwrap()
        else {
            panic!("{minute} was counted twice");
        };
        assert_eq!(*found, advance.head);
        truth.insert(minute, bytes);
        head = Some(advance.head);
    }
    let head = head.unwrap();
    assert_eq!(usage.open_hours_at(&origin).await.unwrap(), std::slice::from_ref(&head));
    let all = usage.open_hours().await.unwrap();
    assert_eq!(all.iter().filter(|other| other.origin == origin).count(), 1);
    for minute in (0..=120).step_by(3) {
        let before: u64 = truth.range(..minute).map(|(_, bytes)| bytes).sum();
        let found = usage.total_before(&head, start + MINUTE * minute).await.unwrap();
        assert_eq!(found, before, "at minute {minute}");
    }
    assert_eq!(
        usage.total_before(&head, start - Duration::from_secs(86400 * 30)).await.unwrap(),
        0
    );
}

/// Minutes of four hours across midnight, counted in one call: each hour and each day has its own
/// sum.
pub async fn hours_closed_in_one_call_are_kept(table: Table) {
    let (usage, (_, name)) = (UsageStore::new(table.clone()), source(&table).await);
    let (mine, origin) = (account(), Origin::Source(name));
    let start = Day::of(now()).start() - 120 * MINUTE;
    let first =
        OpenHour::new(series(mine, "r"), origin, Hour::of(start)).advance(&[(start, 1)], None);
    assert!(matches!(usage.count(None, &first).await.unwrap(), CountResult::Written));
    let minutes: Vec<_> =
        (1..200).map(|nth| (start + MINUTE * nth, u64::from(nth) * 1000)).collect();
    let advance = first.head.advance(&minutes, None);
    assert_eq!(advance.closed.len(), 3);
    assert!(matches!(
        usage.count(Some(&first.head), &advance).await.unwrap(),
        CountResult::Written
    ));
    let filter = Filter { account: Some(mine), ..Filter::default() };
    let (found, _) = usage.series(&filter, None, 10).await.unwrap();
    for step in [Step::Minute, Step::Hour, Step::Day] {
        let windows =
            Windows::new(start, Some(start + MINUTE * 200), Some(step), start + MINUTE * 200)
                .unwrap();
        let chart = usage.chart(&found, windows).await.unwrap();
        let mut begin = windows.start();
        for (end, bytes) in chart[0].iter() {
            let within = |time: Time| time >= begin && time < end;
            let truth: u64 =
                minutes.iter().filter(|(time, _)| within(*time)).map(|(_, bytes)| bytes).sum();
            assert_eq!(bytes, Some(truth + u64::from(within(start))), "{step:?} to {end}");
            begin = end;
        }
    }
}

/// Reports of several series and hours, in any order: each counts once, in its minute.
pub async fn reports_count_once(table: Table) {
    let (usage, mine, t) = (UsageStore::new(table), account(), now());
    let report = |n: u64| Report {
        id: ReportId::new(mine, "suite", &n.to_string()),
        series: series(mine, if n.is_multiple_of(2) { "even" } else { "odd" }),
        bytes: n,
        at: t - Duration::from_secs((n * 601) % 3600),
    };
    let reports: Vec<_> = (0..30).map(report).collect();
    for (first, second) in [
        (PushResult::Counted, PushResult::Duplicate),
        (PushResult::Duplicate, PushResult::Duplicate),
    ] {
        for (answer, wanted) in
            [(usage.push(&reports, t).await, first), (usage.push(&reports, t).await, second)]
        {
            assert!(
                answer.iter().all(|pushed| pushed.as_ref().is_ok_and(|pushed| *pushed == wanted)),
                "{answer:?}"
            );
        }
    }
    let filter = Filter { account: Some(mine), ..Filter::default() };
    let (found, more) = usage.series(&filter, None, 10).await.unwrap();
    assert_eq!((found.len(), more), (2, None));
    let (first, last) = usage.series(&filter, None, 1).await.unwrap();
    let (second, end) = usage.series(&filter, last.as_deref(), 1).await.unwrap();
    assert_eq!([&first[0], &second[0],], [&found[0], &found[1]]);
    assert!(end.is_none());
    let windows = Windows::new(t - 70 * MINUTE, None, None, t + MINUTE).unwrap();
    let charts = usage.chart(&found, windows).await.unwrap();
    for (parity, chart) in charts.iter().enumerate() {
        let own: Vec<_> =
            reports.iter().filter(|report| report.bytes % 2 == parity as u64).collect();
        let minute = |time: Time| time.millis().div_euclid(60_000);
        for (end, bytes) in chart.iter() {
            // A window ends where the next begins.
            let within = own
                .iter()
                .filter(|report| minute(report.at) == minute(end - Duration::from_millis(1)));
            let sum = within.map(|report| report.bytes).reduce(|a, b| a + b);
            assert_eq!(bytes, sum, "{end}");
        }
    }
}

/// Deleting a source keeps counters for it.
pub async fn a_deleted_source_keeps_its_open_hours(table: Table) {
    let (usage, (sources, name)) = (UsageStore::new(table.clone()), source(&table).await);
    let (start, origin) = (start(), Origin::Source(name.clone()));
    let head = OpenHour::new(series(account(), "r"), origin.clone(), Hour::of(start));
    let advance = head.advance(&[(start, 7)], None);
    assert!(matches!(usage.count(None, &advance).await.unwrap(), CountResult::Written));
    assert!(sources.delete(&name, now()).await.unwrap());
    assert!(!sources.delete(&name, now()).await.unwrap());
    assert!(sources.find(&name).await.unwrap().is_none());
    let heads = usage.open_hours().await.unwrap();
    assert_eq!(
        heads.iter().filter(|head| head.origin == origin).map(|head| head.total).sum::<u64>(),
        7
    );
}
