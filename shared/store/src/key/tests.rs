use super::*;
use model::id::generate;
use proptest::prelude::*;

fn one_key_of_each_item_type() -> Vec<Key> {
    let now = Time::from_millis(1_763_654_400_000);
    let (account, job, key) =
        (generate(now, [1; 10]), generate(now, [2; 10]), generate(now, [3; 10]));
    let series = Series {
        account: Some(account),
        direction: Direction::Egress,
        service: "a#b".parse().unwrap(),
        route: "c%23".parse().unwrap(),
    };
    vec![
        Key::account(account),
        Key::account_in_directory(account),
        Key::api_key(account, key),
        Key::definition(KINDS, &"echo".parse().unwrap()),
        Key::definition(SCHEDULES, &"echo".parse().unwrap()),
        Key::account_index_entry(SCHEDULES, account, &"echo".parse().unwrap()),
        Key::definition(QUOTAS, &"echo".parse().unwrap()),
        Key::account_index_entry(QUOTAS, account, &"echo".parse().unwrap()),
        Key::definition(QUOTA_STATES, &"echo".parse().unwrap()),
        Key::job(account, job),
        Key::payload(account, job),
        Key::due(now, account, job),
        Key::due_cursor("release", 0),
        Key::walk(),
        Key::result(account, job, "owner"),
        Key::idempotency(account, "abc"),
        Key::completion_times(account, &"echo".parse().unwrap(), now),
        Key::row(account, &"users".parse().unwrap(), "a#b"),
        Key::applied(account, job),
        Key::slot(account, 7),
        Key::wait_slot(7),
        Key::event(account, &generate(now, [4; 10])),
        Key::ticket("abc"),
        Key::connection(&"L0SM9cOFvHcCIhw=".parse().unwrap()),
        Key::subscription(account, &"L0SM9cOFvHcCIhw=".parse().unwrap()),
        Key::rate(29_394_240, Uuid::from_u128(7)),
        Key::definition(SOURCES, &"echo".parse().unwrap()),
        Key::definition(SOURCE_STATES, &"echo".parse().unwrap()),
        Key::open_hour(&series, &Origin::Pushed),
        Key::series_in_directory(&series, &Origin::Source("kong".parse().unwrap())),
        Key::closed_hour(&series, &Origin::Pushed, Hour::of(now)),
        Key::day(&series, &Origin::Pushed, Day::of(now)),
        Key::report(&ReportId { account, digest: "abc".to_owned() }),
        Key::series_count(account),
    ]
}

#[test]
fn keys_are_unique_across_item_types() {
    let keys = one_key_of_each_item_type();
    let shown: Vec<_> = keys.iter().map(|key| format!("{} | {}", key.pk, key.sk)).collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    ACCOUNT#acc_01kagzwy00e40r2081040g2081 | PROFILE
    ACCOUNTS | acc_01kagzwy00e40r2081040g2081
    ACCOUNT#acc_01kagzwy00e40r2081040g2081 | KEY#key_01kagzwy00ec1r60r30c1g60r3
    KINDS | echo
    SCHEDULES | echo
    SCHEDULES#acc_01kagzwy00e40r2081040g2081 | echo
    QUOTAS | echo
    QUOTAS#acc_01kagzwy00e40r2081040g2081 | echo
    QUOTA_STATES | echo
    JOBS#acc_01kagzwy00e40r2081040g2081#2 | job_01kagzwy00e81840g2081040g2
    BULK#acc_01kagzwy00e40r2081040g2081#job_01kagzwy00e81840g2081040g2 | PAYLOAD
    DUE#489904#2 | 1763654400000#acc_01kagzwy00e40r2081040g2081#job_01kagzwy00e81840g2081040g2
    CURSORS | release#0
    CURSORS | walk
    BULK#acc_01kagzwy00e40r2081040g2081#job_01kagzwy00e81840g2081040g2 | RESULT#owner
    IDEMPOTENCY#acc_01kagzwy00e40r2081040g2081#abc | -
    COUNTERS#acc_01kagzwy00e40r2081040g2081 | PACE#echo#2025-11-20T16
    TABLE#acc_01kagzwy00e40r2081040g2081#users | a#b
    APPLIED#acc_01kagzwy00e40r2081040g2081#job_01kagzwy00e81840g2081040g2 | -
    SLOTS#acc_01kagzwy00e40r2081040g2081 | 00007
    WAIT#7 | -
    EVENTS#acc_01kagzwy00e40r2081040g2081 | evt_01kagzwy00eg2881040g208104
    TICKET#abc | -
    CONNECTION#L0SM9cOFvHcCIhw= | -
    SUBSCRIBERS#acc_01kagzwy00e40r2081040g2081 | L0SM9cOFvHcCIhw=
    RATE#29394240#0 | 00000000000000000000000000000007
    SOURCES | echo
    SOURCE_STATES | echo
    SERIES#-push#1 | acc_01kagzwy00e40r2081040g2081#egress#a%23b#c%2523
    SERIES | acc_01kagzwy00e40r2081040g2081#egress#a%23b#c%2523#kong
    USAGE#acc_01kagzwy00e40r2081040g2081#egress#a%23b#c%2523 | H#-push#2025-11-20T16
    USAGE#acc_01kagzwy00e40r2081040g2081#egress#a%23b#c%2523 | D#-push#2025-11-20
    SAMPLE#acc_01kagzwy00e40r2081040g2081#abc | -
    REPORTED#acc_01kagzwy00e40r2081040g2081 | -
    ");
}

proptest! {
    #[test]
    fn a_series_is_read_as_it_was_written(
        account: Option<[u8; 10]>,
        out: bool,
        service in "[#%23a/5 ]{0,12}|\\PC{0,30}",
        route in "[#%23a/5 ]{0,12}",
    ) {
        let account = account.map(|entropy| generate(Time::from_millis(7), entropy));
        let direction = if out { Direction::Egress } else { Direction::Ingress };
        let series = Series {
            account,
            direction,
            service: service.parse().unwrap(),
            route: route.parse().unwrap(),
        };
        let source = Origin::Source("kong-2.eu".parse().unwrap());
        for origin in [Origin::Pushed, Origin::TollgateApi, source] {
            let entry = Key::series_in_directory(&series, &origin).sk;
            let expected = Some((series.clone(), origin.clone()));
            prop_assert_eq!(Key::parse_directory_entry(&entry), expected);
            let head = Key::open_hour(&series, &origin);
            prop_assert_eq!(Key::parse_series(&head.sk), Some(series.clone()));
            prop_assert_eq!(Key::parse_origin(&head.pk), Some(origin.clone()));
            prop_assert!(Key::open_hours(&origin).contains(&head.pk));
            let prefix = Key::series_prefix(
                account,
                Some(direction),
                Some(&series.service),
                Some(&series.route),
            );
            prop_assert!(entry.starts_with(&prefix) && entry[prefix.len()..] == origin.to_string());
        }
    }
}

#[test]
fn longest_series_fits_into_a_key() {
    let label: Label = "#".repeat(Label::MAX_BYTES).parse().unwrap();
    let account = Some(generate(Time::from_millis(7), [7; 10]));
    let series =
        Series { account, direction: Direction::Ingress, service: label.clone(), route: label };
    let origin = Origin::Source("s".repeat(64).parse().unwrap());
    assert!(Key::series_in_directory(&series, &origin).sk.len() <= 1024);
}

#[test]
fn ready_queue_key_round_trips() {
    let (account, kind) = (generate(Time::from_millis(1), [1; 10]), "a.b-c_d".parse().unwrap());
    assert_eq!(Key::parse_ready_queue(&Key::ready_queue(account, &kind)), Some((account, kind)));
    for none in [
        "",
        "#",
        "acc_01kagzwy00e40r2081040g2081",
        "acc_01kagzwy00e40r2081040g2081#",
        "x#echo",
        "#echo",
    ] {
        assert_eq!(Key::parse_ready_queue(none), None, "{none}");
    }
}
