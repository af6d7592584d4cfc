use std::fmt;

use serde_json::Value;

use super::Call;

/// The policies of a template's functions. Supports only the part of IAM's language that they use
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>).
#[derive(Clone, Debug)]
pub struct Policies(Vec<Statement>);

#[derive(Clone, Debug)]
struct Statement {
    function: String,
    sid: String,
    actions: Vec<String>,
    resources: Vec<String>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
struct Condition {
    operator: String,
    key: String,
    values: Vec<String>,
}

/// One permission. A statement contains one for each combination of its actions, resources and key
/// patterns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    pub function: String,
    pub sid: String,
    pub action: String,
    pub resource: String,
    /// Pattern of partition keys, if the statement restricts them.
    pub key: Option<String>,
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, sid, action, resource, key } = self;
        write!(f, "{function} {sid}: {action} on {resource}")?;
        key.iter().try_for_each(|key| write!(f, " with {key}"))
    }
}

impl Policies {
    /// The policies of all functions in a template.
    pub fn of(template: &Value) -> Self {
        let resources = template["Resources"].as_object().unwrap();
        let functions =
            resources.values().filter(|resource| resource["Type"] == "AWS::Serverless::Function");
        let statements = functions.flat_map(|function| {
            let name = function["Properties"]["CodeUri"]
                .as_str()
                .unwrap()
                .trim_end_matches('/')
                .rsplit('/')
                .next()
                .unwrap();
            let role = function["Properties"]["Role"]["!GetAtt"]
                .as_str()
                .unwrap()
                .trim_end_matches(".Arn");
            let policies = resources[role]["Properties"]["Policies"].as_array().unwrap();
            let statements = policies
                .iter()
                .flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap());
            statements.map(|statement| Statement::read(name, statement)).collect::<Vec<_>>()
        });
        Self(statements.collect())
    }

    /// All grants.
    pub fn grants(&self) -> Vec<Grant> {
        self.0.iter().flat_map(Statement::grants).collect()
    }

    /// The grants of a function's policy that allow a call; empty if it is denied.
    pub fn used(&self, function: &str, call: &Call) -> Vec<Grant> {
        let allowing = self
            .0
            .iter()
            .filter(|statement| statement.function == function && statement.allows(call));
        let keys = call.context.get(KEYS).map(Vec::as_slice).unwrap_or_default();
        allowing
            .flat_map(Statement::grants)
            .filter(|grant| {
                grant.action == call.action
                    && matches(&grant.resource, &call.resource)
                    && grant
                        .key
                        .as_ref()
                        .is_none_or(|pattern| keys.iter().any(|key| matches(pattern, key)))
            })
            .collect()
    }
}

const KEYS: &str = "dynamodb:LeadingKeys";

impl Statement {
    fn read(function: &str, statement: &Value) -> Self {
        assert_eq!(statement["Effect"], "Allow", "{statement}");
        let conditions = statement["Condition"].as_object().into_iter().flatten();
        let conditions = conditions.flat_map(|(operator, keys)| {
            let keys = keys.as_object().unwrap().iter();
            keys.map(|(key, values)| Condition {
                operator: operator.clone(),
                key: key.clone(),
                values: list(values),
            })
        });
        Self {
            function: function.to_owned(),
            sid: statement["Sid"].as_str().unwrap().to_owned(),
            actions: list(&statement["Action"]),
            resources: list(&statement["Resource"]),
            conditions: conditions.collect(),
        }
    }

    fn allows(&self, call: &Call) -> bool {
        self.actions.contains(&call.action)
            && self.resources.iter().any(|resource| matches(resource, &call.resource))
            && self.conditions.iter().all(|condition| condition.holds(call))
    }

    fn grants(&self) -> Vec<Grant> {
        let keys = self.conditions.iter().find(|condition| condition.key == KEYS);
        let keys: Vec<_> =
            keys.map_or(vec![None], |keys| keys.values.iter().cloned().map(Some).collect());
        let mut grants = Vec::new();
        for action in &self.actions {
            for resource in &self.resources {
                grants.extend(keys.iter().map(|key| Grant {
                    function: self.function.clone(),
                    sid: self.sid.clone(),
                    action: action.clone(),
                    resource: resource.clone(),
                    key: key.clone(),
                }));
            }
        }
        grants
    }
}

impl Condition {
    /// `ForAllValues` is true without values, `StringEquals` is not
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>).
    fn holds(&self, call: &Call) -> bool {
        let given = call.context.get(&self.key).map(Vec::as_slice).unwrap_or_default();
        let equals = |value: &String| self.values.contains(value);
        match self.operator.as_str() {
            "ForAllValues:StringLike" => {
                given.iter().all(|value| self.values.iter().any(|pattern| matches(pattern, value)))
            }
            "ForAllValues:StringEquals" => given.iter().all(equals),
            "StringEqualsIfExists" => given.iter().all(equals),
            "StringEquals" => !given.is_empty() && given.iter().all(equals),
            other => panic!("unsupported operator {other}"),
        }
    }
}

/// One or several strings of a template, with references in the form of `!Sub`.
fn list(value: &Value) -> Vec<String> {
    let one = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Object(members) => match members.iter().next().unwrap() {
            (tag, Value::String(name)) if tag == "!Ref" || tag == "!GetAtt" => {
                format!("${{{name}}}")
            }
            (tag, Value::String(text)) if tag == "!Sub" => text.clone(),
            other => panic!("unsupported value {other:?}"),
        },
        other => panic!("{other} isn't known here"),
    };
    match value {
        Value::Array(values) => values.iter().map(one).collect(),
        value => vec![one(value)],
    }
}

/// Matches IAM patterns: `*` is any number of characters, `?` is one.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pattern_left = pattern.chars();
    let mut text_left = text.chars();
    match (pattern_left.next(), text_left.next()) {
        (None, None) => true,
        (Some('*'), _) => {
            let rest = pattern_left.as_str();
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| matches(rest, &text[at..]))
        }
        (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
            matches(pattern_left.as_str(), text_left.as_str())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "a", true),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("*", "", true),
            ("A#*", "A", false),
            ("A#?", "A#1", true),
            ("A#?", "A#12", false),
            ("A#?", "A#", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
