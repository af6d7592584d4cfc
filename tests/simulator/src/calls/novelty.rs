use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// Distinct members tracked per place; further ones share one entry. Tenants choose items' names.
const MAX_MEMBERS: usize = 100;
/// Distinct sets of members tracked per place.
const MAX_SHAPES: usize = 64;
/// Distinct words tracked per place. No enum in the models has more.
const MAX_WORDS: usize = 64;
/// Longer texts don't count as words.
const MAX_WORD_LENGTH: usize = 40;
/// Larger numbers are mostly times: only their magnitude is compared.
const LARGE: f64 = 1_000_000.0;

/// Everything seen so far, by operation and place in the request.
#[derive(Debug, Default)]
pub(super) struct SeenValues(HashMap<String, Extent>);

#[derive(Debug, Default)]
struct Extent {
    kinds: BTreeSet<&'static str>,
    members: BTreeSet<String>,
    shapes: BTreeSet<Vec<String>>,
    words: BTreeSet<String>,
    /// All characters, and all first characters, as bit sets; one bit for everything beyond ASCII.
    characters: [u128; 2],
    sizes: Option<(usize, usize)>,
    numbers: Option<(f64, f64)>,
}

impl SeenValues {
    /// Records a request and returns whether it shows something new.
    pub(super) fn is_novel(&mut self, operation: &str, request: &Value) -> bool {
        self.walk(operation.to_owned(), request)
    }

    fn walk(&mut self, place: String, value: &Value) -> bool {
        let mut news = self.0.entry(place.clone()).or_default().add(value);
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let known = self.0.get_mut(&place).is_some_and(|extent| extent.knows(name));
                    let name = if known { name } else { "*" };
                    news |= self.walk(format!("{place}.{name}"), member);
                }
            }
            Value::Array(items) => {
                for item in items {
                    news |= self.walk(format!("{place}[]"), item);
                }
            }
            _ => {}
        }
        news
    }
}

impl Extent {
    fn add(&mut self, value: &Value) -> bool {
        match value {
            Value::Null => self.kinds.insert("null"),
            Value::Bool(_) => self.kinds.insert("boolean"),
            Value::Number(number) => {
                let number = number.as_f64().unwrap();
                // The power of two below the number, which doesn't change as time passes.
                let magnitude = number.abs().log2().floor().exp2();
                let shown = if number.abs() < LARGE { number } else { magnitude };
                widen(&mut self.numbers, shown) | self.kinds.insert("number")
            }
            Value::String(text) => self.add_text(text) | self.kinds.insert("text"),
            Value::Array(items) => widen(&mut self.sizes, items.len()) | self.kinds.insert("list"),
            Value::Object(members) => {
                let names = || members.keys().cloned().collect();
                let is_shape = self.shapes.len() < MAX_SHAPES && self.shapes.insert(names());
                is_shape | widen(&mut self.sizes, members.len()) | self.kinds.insert("object")
            }
        }
    }

    /// Whether a member has its own entry.
    fn knows(&mut self, member: &str) -> bool {
        if self.members.len() < MAX_MEMBERS && !self.members.contains(member) {
            self.members.insert(member.to_owned());
        }
        self.members.contains(member)
    }

    fn add_text(&mut self, text: &str) -> bool {
        let bit = |c: char| if c.is_ascii() { 1 << u32::from(c) } else { 1 };
        let all = text.chars().fold(0, |bits, c| bits | bit(c));
        let first = text.chars().next().map_or(0, bit);
        let [all_before, first_before] = self.characters;
        self.characters = [all_before | all, first_before | first];
        let is_word = text.len() <= MAX_WORD_LENGTH
            && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
            && self.words.len() < MAX_WORDS;
        let is_new_word = is_word && self.words.insert(text.to_owned());
        is_new_word
            | widen(&mut self.sizes, text.chars().count())
            | (self.characters != [all_before, first_before])
    }
}

/// Extends the range to `value` and returns whether it was outside.
fn widen<T: PartialOrd + Copy>(seen: &mut Option<(T, T)>, value: T) -> bool {
    match seen {
        None => *seen = Some((value, value)),
        Some((least, _)) if value < *least => *least = value,
        Some((_, most)) if value > *most => *most = value,
        Some(_) => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;
    use serde_json::json;

    fn message(delay: u64, body: &str) -> Value {
        json!({"QueueUrl": "https://example.com/jobs", "MessageBody": body, "DelaySeconds": delay})
    }

    #[test]
    fn each_constrained_property_is_novel_once() {
        let mut seen = SeenValues::default();
        let mut is_news = |request: &Value| seen.is_novel("sqs:SendMessage", request);
        assert!(is_news(&message(900, "-abc1")));
        assert!(!is_news(&message(900, "-cba1")));
        assert!(is_news(&message(901, "-abc1")), "a larger number");
        assert!(is_news(&message(0, "-abc1")), "a smaller number");
        assert!(!is_news(&message(450, "-abc1")));
        assert!(is_news(&message(900, "-abcabc1")), "a longer text");
        assert!(is_news(&message(900, "-ab~1")), "another character");
        assert!(is_news(&message(900, "abc-1")), "another first character");
        assert!(is_news(&message(900, "abc")), "a word");
        assert!(is_news(&message(900, "bca")), "another word");
        assert!(!is_news(&message(900, "bca")));
        assert!(is_news(&json!({"QueueUrl": "", "MessageBody": "-abc1"})), "fewer members");
        assert!(is_news(&json!({"QueueUrl": "", "MessageBody": 1})), "another type");
        assert!(is_news(&json!({"QueueUrl": "", "MessageBody": null})), "none");
    }

    #[test]
    fn operations_are_tracked_separately() {
        let mut seen = SeenValues::default();
        assert!(seen.is_novel("sqs:SendMessage", &message(0, "a")));
        assert!(seen.is_novel("sqs:DeleteMessage", &message(0, "a")));
    }

    #[test]
    fn a_hundred_thousand_calls_leave_a_small_record() {
        let (mut seen, mut news) = (SeenValues::default(), 0);
        for nth in 0..100_000_u64 {
            let id = format!("{:x}", Seed(1).draw("id", nth));
            let mut request = json!({"Key": {"pk": {"S": id}}, "At": 1_795_190_400 + nth});
            request["Item"] = json!({id: {"N": nth.to_string()}});
            news += usize::from(seen.is_novel("dynamodb:PutItem", &request));
        }
        assert!((100..400).contains(&news), "{news} of 100,000 were recorded");
    }
}
