//! CloudFormation's validation of a template's parameters before it creates resources.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

/// A value for each parameter of a template.
#[derive(Clone, Debug)]
pub struct Parameters<'a> {
    template: &'a Value,
    values: BTreeMap<&'a str, String>,
}

impl<'a> Parameters<'a> {
    /// The given values, and the defaults of the others.
    ///
    /// # Errors CloudFormation's reason, if it rejects them.
    pub fn accept(template: &'a Value, given: &[(&str, &str)]) -> Result<Self, String> {
        let declared = template["Parameters"].as_object().unwrap();
        if let Some((name, _)) = given.iter().find(|(name, _)| !declared.contains_key(*name)) {
            return Err(format!("unknown parameter {name}"));
        }
        let mut values = BTreeMap::new();
        for (name, declaration) in declared {
            let given =
                given.iter().find(|(of, _)| of == name).map(|(_, value)| (*value).to_owned());
            let value = given.or_else(|| declaration.get("Default").map(text));
            let value = value.ok_or_else(|| format!("{name} has no value"))?;
            check(declaration, &value).map_err(|reason| format!("{name} {reason}"))?;
            values.insert(name.as_str(), value);
        }
        let parameters = Self { template, values };
        for rule in template["Rules"].as_object().unwrap().values() {
            parameters.check(rule)?;
        }
        Ok(parameters)
    }

    fn check(&self, rule: &Value) -> Result<(), String> {
        if rule.get("RuleCondition").is_some_and(|condition| !self.evaluate(condition)) {
            return Ok(());
        }
        for assertion in rule["Assertions"].as_array().unwrap() {
            if !self.evaluate(&assertion["Assert"]) {
                return Err(text(&assertion["AssertDescription"]));
            }
        }
        Ok(())
    }

    /// Evaluates a condition or an assertion. Rules may use only these functions and parameters
    /// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-rules.html>).
    fn evaluate(&self, expression: &Value) -> bool {
        let (function, arguments) = call(expression).unwrap_or_else(|| panic!("{expression}"));
        let arguments = arguments.as_array().unwrap();
        match function {
            "!Not" => !self.evaluate(&arguments[0]),
            "!And" => arguments.iter().all(|argument| self.evaluate(argument)),
            "!Or" => arguments.iter().any(|argument| self.evaluate(argument)),
            "!Equals" => self.operand(&arguments[0]) == self.operand(&arguments[1]),
            other => panic!("unsupported value {other}"),
        }
    }

    fn operand(&self, expression: &Value) -> String {
        match call(expression) {
            Some(("!Ref", name)) => self.values[name.as_str().unwrap()].clone(),
            None => text(expression),
            Some((other, _)) => panic!("unsupported value {other}"),
        }
    }

    /// The value of a property; `None` for `AWS::NoValue`. Values known only after deployment are
    /// `x`.
    pub fn resolve(&self, property: &Value) -> Option<String> {
        let Some((function, argument)) = call(property) else { return Some(text(property)) };
        match function {
            "!Ref" if argument == "AWS::NoValue" => None,
            "!Ref" => Some(self.value_of(argument.as_str().unwrap())),
            "!GetAtt" => Some("x".to_owned()),
            "!If" => {
                let condition = &self.template["Conditions"][argument[0].as_str().unwrap()];
                self.resolve(&argument[if self.evaluate(condition) { 1 } else { 2 }])
            }
            "!FindInMap" => {
                let keys =
                    argument.as_array().unwrap().iter().map(|key| self.resolve(key).unwrap());
                Some(text(keys.fold(&self.template["Mappings"], |map, key| &map[key])))
            }
            "!Sub" => {
                let (pattern, own) =
                    argument.get(0).map_or((argument, None), |pattern| (pattern, argument.get(1)));
                let references = Regex::new(r"\$\{([^}!]+)\}").unwrap();
                let replaced =
                    references.replace_all(pattern.as_str().unwrap(), |found: &regex::Captures| {
                        let own = own.and_then(|own| own.get(&found[1]));
                        own.map_or_else(
                            || self.value_of(&found[1]),
                            |own| self.resolve(own).unwrap(),
                        )
                    });
                Some(replaced.into_owned())
            }
            other => panic!("unsupported value {other}"),
        }
    }

    fn value_of(&self, name: &str) -> String {
        self.values.get(name).cloned().unwrap_or_else(|| "x".to_owned())
    }
}

/// A function call: its tag and argument.
fn call(expression: &Value) -> Option<(&str, &Value)> {
    let (name, argument) = expression.as_object()?.iter().next()?;
    name.starts_with('!').then_some((name.as_str(), argument))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Checks a value against its parameter's declaration
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>).
fn check(declaration: &Value, value: &str) -> Result<(), String> {
    if let Some(allowed) = declaration["AllowedValues"].as_array()
        && !allowed.iter().any(|one| text(one) == value)
    {
        return Err("is not among its allowed values".to_owned());
    }
    if let Some(pattern) = declaration["AllowedPattern"].as_str()
        && !Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(value)
    {
        return Err(text(&declaration["ConstraintDescription"]));
    }
    if declaration["Type"] == "Number" {
        let number: f64 = value.parse().map_err(|_| "is not a number")?;
        let bound = |name: &str| declaration[name].as_f64();
        if bound("MinValue").is_some_and(|min| number < min)
            || bound("MaxValue").is_some_and(|max| number > max)
        {
            return Err("is out of bounds".to_owned());
        }
    }
    Ok(())
}
