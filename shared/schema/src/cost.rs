//! Upper bound of the cost of validating a value against a schema.
//!
//! A step is the application of one subschema to one value. Schemas can refer to themselves, even
//! in several alternatives at once. The number of steps can therefore grow exponentially with a
//! value's depth. The bound is computed by a walk over schema and value with a step budget, so it
//! takes no more steps than that.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::{IN_PLACE, resolve};

/// Budget of a verdict. A body of maximum size with a plain schema needs a fifth.
pub(super) const VERDICT_STEPS: u64 = 500_000;
/// Budget of a description, the list of all violations. Each violation allocates, and alternatives
/// are checked again at every level. A step thus costs ten times as much as in a verdict.
pub(super) const DESCRIPTION_STEPS: u64 = 100_000;
/// Weight of a step within an alternative in a description: the violations of each alternative are
/// listed and compared.
const ALTERNATIVE_WEIGHT: u64 = 4;
/// Maximum nesting of subschemas: the validator and this walk recurse.
const MAX_DEPTH: usize = 1000;
/// Bytes of a string that one step covers, for formats and patterns.
const BYTES_PER_STEP: u64 = 32;
/// Cost of `format: regex`, which compiles the value.
const REGEX_STEPS: u64 = 1_000;

/// Cost of `multipleOf` if one of the numbers is not an integer: it divides fractions exactly.
const FRACTION_STEPS: u64 = 32;

/// Purpose of a validation. The verdict for a pair of subschema and value is cached, a description
/// is not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Verdict,
    Description,
}

/// Whether the validation stays within the purpose's budget.
pub(super) fn fits(schema: &Value, value: &Value, purpose: Purpose) -> bool {
    let left = match purpose {
        Purpose::Verdict => VERDICT_STEPS,
        Purpose::Description => DESCRIPTION_STEPS,
    };
    let (targets, checked, within) = (HashMap::new(), HashSet::new(), Vec::new());
    let path = vec![std::ptr::from_ref(schema)];
    CostWalk {
        root: schema,
        purpose,
        remaining: left,
        weight: 1,
        depth: 0,
        targets,
        path,
        within,
        checked,
    }
    .apply(schema, value)
    .is_some()
}

/// Addresses of a subschema and a value.
type Pair = (*const Value, *const Value);

struct CostWalk<'a> {
    root: &'a Value,
    purpose: Purpose,
    remaining: u64,
    weight: u64,
    depth: usize,
    targets: HashMap<&'a str, Option<&'a Value>>,
    /// Subschemas that references led to, on the current path through the schema.
    path: Vec<*const Value>,
    /// Pairs being applied through references: the validator follows a cycle once.
    within: Vec<Pair>,
    /// Pairs of an array or object and a subschema that refers to an enclosing one. The validator
    /// caches the verdicts of these only.
    checked: HashSet<Pair>,
}

/// Methods return `None` once the budget is spent.
impl<'a> CostWalk<'a> {
    fn apply(&mut self, part: &'a Value, value: &Value) -> Option<()> {
        self.spend(1)?;
        let Value::Object(keywords) = part else { return Some(()) };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        for (keyword, of) in keywords {
            self.keyword(keywords, keyword, of, value)?;
        }
        self.depth -= 1;
        Some(())
    }

    fn keyword(
        &mut self,
        keywords: &'a Map<String, Value>,
        keyword: &str,
        of: &'a Value,
        value: &Value,
    ) -> Option<()> {
        match (keyword, of, value) {
            ("$ref" | "$dynamicRef", Value::String(reference), _) => self.refer(reference, value),
            ("dependentSchemas", Value::Object(parts), Value::Object(members)) => {
                let due = parts.iter().filter(|(name, _)| members.contains_key(*name));
                due.map(|(_, part)| part).try_for_each(|part| self.in_place(keywords, part, value))
            }
            ("dependentSchemas", ..) => Some(()),
            ("anyOf" | "oneOf", Value::Array(parts), _) => {
                let weight = self.weight;
                if self.purpose == Purpose::Description {
                    self.weight = ALTERNATIVE_WEIGHT;
                }
                parts.iter().try_for_each(|part| self.in_place(keywords, part, value))?;
                self.weight = weight;
                Some(())
            }
            (_, Value::Array(parts), _) if IN_PLACE.contains(&keyword) => {
                parts.iter().try_for_each(|part| self.in_place(keywords, part, value))
            }
            (_, part, _) if IN_PLACE.contains(&keyword) => self.in_place(keywords, part, value),
            (_, _, Value::Object(members)) => self.of_object(keyword, of, members),
            (_, _, Value::Array(items)) => self.of_array(keywords, keyword, of, items),
            (_, _, Value::String(text)) => self.of_string(keyword, of, text),
            ("enum", Value::Array(values), _) => self.spend(count(values.len())),
            ("multipleOf", Value::Number(of), Value::Number(number))
                if of.is_f64() || number.is_f64() =>
            {
                self.spend(FRACTION_STEPS)
            }
            _ => Some(()),
        }
    }

    /// Applies a subschema to the value itself. With `unevaluated*` keywords, the validator
    /// evaluates again which subschemas match.
    fn in_place(
        &mut self,
        keywords: &Map<String, Value>,
        part: &'a Value,
        value: &Value,
    ) -> Option<()> {
        self.apply(part, value)?;
        let is_twice = ["unevaluatedProperties", "unevaluatedItems"];
        if is_twice.iter().any(|name| keywords.contains_key(*name)) {
            self.apply(part, value)
        } else {
            Some(())
        }
    }

    fn refer(&mut self, reference: &'a str, value: &Value) -> Option<()> {
        let root = self.root;
        let target = *self.targets.entry(reference).or_insert_with(|| resolve(root, reference));
        // A schema with an unresolvable reference does not compile.
        let Some(part) = target else { return Some(()) };
        let pair = (std::ptr::from_ref(part), std::ptr::from_ref(value));
        if self.within.contains(&pair) {
            return self.spend(1);
        }
        let position = self.path.iter().position(|earlier| std::ptr::eq(*earlier, part));
        let is_shared = position.is_some()
            && self.purpose == Purpose::Verdict
            && matches!(value, Value::Array(_) | Value::Object(_));
        if is_shared && !self.checked.insert(pair) {
            return self.spend(1);
        }
        // A recursive subschema continues with the path of its first use.
        let end = position.unwrap_or(self.path.len());
        let beyond = self.path.split_off(end);
        self.path.push(part);
        self.within.push(pair);
        self.apply(part, value)?;
        self.within.pop();
        self.path.truncate(end);
        self.path.extend(beyond);
        Some(())
    }

    fn of_object(
        &mut self,
        keyword: &str,
        of: &'a Value,
        members: &Map<String, Value>,
    ) -> Option<()> {
        match (keyword, of) {
            ("properties", Value::Object(parts)) => {
                self.spend(count(parts.len()) / 8)?;
                let named =
                    parts.iter().filter_map(|(name, part)| Some((part, members.get(name)?)));
                named.into_iter().try_for_each(|(part, member)| self.apply(part, member))
            }
            ("patternProperties", Value::Object(parts)) => parts.values().try_for_each(|part| {
                let names = members.iter();
                names.into_iter().try_for_each(|(name, member)| {
                    self.spend(1 + count(name.len()) / BYTES_PER_STEP)?;
                    self.apply(part, member)
                })
            }),
            ("additionalProperties" | "unevaluatedProperties", part) => {
                members.values().try_for_each(|member| self.apply(part, member))
            }
            ("propertyNames", part) => {
                let mut names = members.keys();
                names.try_for_each(|name| self.apply(part, &Value::String(name.clone())))
            }
            ("required" | "dependentRequired" | "enum" | "const", part) => self.spend(size(part)),
            _ => Some(()),
        }
    }

    fn of_array(
        &mut self,
        keywords: &Map<String, Value>,
        keyword: &str,
        of: &'a Value,
        items: &[Value],
    ) -> Option<()> {
        match (keyword, of) {
            ("prefixItems", Value::Array(parts)) => {
                let mut pairs = parts.iter().zip(items);
                pairs.try_for_each(|(part, item)| self.apply(part, item))
            }
            ("items", part) => {
                let prefix =
                    keywords.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
                items.iter().skip(prefix).try_for_each(|item| self.apply(part, item))
            }
            ("contains" | "unevaluatedItems", part) => {
                items.iter().try_for_each(|item| self.apply(part, item))
            }
            // Items are compared or hashed as a whole.
            ("uniqueItems", Value::Bool(true)) => {
                items.iter().try_for_each(|item| self.spend(8 + 2 * size(item)))
            }
            ("enum" | "const", part) => self.spend(size(part)),
            _ => Some(()),
        }
    }

    fn of_string(&mut self, keyword: &str, of: &Value, text: &str) -> Option<()> {
        let whole = count(text.len()) / BYTES_PER_STEP;
        match (keyword, of) {
            ("format", Value::String(format)) if format == "regex" => {
                self.spend(REGEX_STEPS + 32 * whole)
            }
            ("format" | "pattern" | "minLength" | "maxLength", _) => self.spend(1 + whole),
            ("enum", Value::Array(values)) => self.spend(count(values.len())),
            _ => Some(()),
        }
    }

    fn spend(&mut self, steps: u64) -> Option<()> {
        self.remaining = self.remaining.checked_sub(steps.saturating_mul(self.weight))?;
        Some(())
    }
}

/// Number of values in a value.
fn size(value: &Value) -> u64 {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<u64>(),
        Value::Object(members) => 1 + members.values().map(size).sum::<u64>(),
        Value::String(text) => 1 + count(text.len()) / BYTES_PER_STEP,
        _ => 1,
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
