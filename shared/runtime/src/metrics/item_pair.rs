//! Stores two items of totals as one. A request mostly counts its route and one more thing, and
//! each item costs a write unit.

use std::collections::BTreeMap;

use super::{Item, registry::ROUTE};

/// Key prefix of joined items.
const PAIR: &str = "PAIR";
/// Separates the two items; occurs neither in the name of a kind nor in a route.
const ITEM_SEPARATOR: char = '+';
/// Separates the topic and the name of an item.
const NAME_SEPARATOR: char = '#';

type Fields = BTreeMap<String, u64>;

/// Joins two items if exactly one is a route's and neither has a name from outside, so that the
/// number of pairs is bounded. A digit in front of each field says to which of the two it belongs.
pub fn join(items: Vec<(Item, Fields)>) -> Vec<(Item, Fields)> {
    let [(first, _), (second, _)] = &items[..] else { return items };
    let routes = [first, second].iter().filter(|item| item.prefix == ROUTE.prefix).count();
    if routes != 1 || first.has_external_labels || second.has_external_labels {
        return items;
    }
    let of = |item: &Item| format!("{}{NAME_SEPARATOR}{}", item.prefix, item.name);
    let name = format!("{}{ITEM_SEPARATOR}{}", of(first), of(second));
    let numbered = items.into_iter().enumerate();
    let fields = numbered.flat_map(|(at, (_, fields))| {
        fields.into_iter().map(move |(field, number)| (format!("{at}{field}"), number))
    });
    vec![(Item { prefix: PAIR, name, has_external_labels: false }, fields.collect())]
}

/// Splits an item into the topic and name of each item it holds, with the prefix of that item's
/// fields.
pub fn split<'a>(prefix: &'a str, name: &'a str) -> Vec<(&'a str, &'a str, &'static str)> {
    if prefix != PAIR {
        return vec![(prefix, name, "")];
    }
    let parts = name.split(ITEM_SEPARATOR).zip(["0", "1"]);
    parts
        .filter_map(|(part, at)| {
            part.split_once(NAME_SEPARATOR).map(|(prefix, name)| (prefix, name, at))
        })
        .collect()
}

/// Whether an item is `other` or holds it.
pub fn contains(item: &Item, other: &Item) -> bool {
    split(item.prefix, &item.name)
        .iter()
        .any(|(prefix, name, _)| (*prefix, *name) == (other.prefix, &*other.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(prefix: &'static str, name: &str, is_open: bool) -> (Item, Fields) {
        (
            Item { prefix, name: name.to_owned(), has_external_labels: is_open },
            Fields::from([("a#b".to_owned(), 7)]),
        )
    }

    #[test]
    fn joins_a_route_with_one_other_item() {
        let (kind, route) =
            (item("KIND", "a.b-c", false), item("ROUTE", "POST /v1/jobs/{id}/retry", false));
        let joined = join(vec![kind.clone(), route.clone()]);
        let [(pair, fields)] = &joined[..] else { panic!("{joined:?}") };
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["0a#b", "1a#b"]);
        let parts = split(pair.prefix, &pair.name);
        assert_eq!(parts, [("KIND", "a.b-c", "0"), ("ROUTE", "POST /v1/jobs/{id}/retry", "1")]);
        assert!(contains(pair, &kind.0) && contains(pair, &route.0) && contains(&kind.0, &kind.0));
        assert!(!contains(pair, &item("KIND", "a", false).0) && !contains(&kind.0, &route.0));
    }

    #[test]
    fn leaves_other_items_separate() {
        let (kind, route) = (item("KIND", "a", false), item("ROUTE", "GET /", false));
        let apart = [
            vec![kind.clone(), item("KIND", "b", false)],
            vec![route.clone(), item("SERVICE", "a+b#c", true)],
            vec![kind, item("REST", "", false), route.clone()],
            vec![route],
            vec![],
        ];
        for items in apart {
            assert_eq!(join(items.clone()), items);
        }
    }
}
