use std::sync::LazyLock;

use serde_json::{Map, Value, json};

/// `template.yaml` as JSON. A tag such as `!Ref` becomes an object with one member.
pub fn template() -> &'static Value {
    static TEMPLATE: LazyLock<Value> = LazyLock::new(|| {
        plain(yaml_serde::from_str(include_str!("../../../template.yaml")).unwrap())
    });
    &TEMPLATE
}

fn plain(yaml: yaml_serde::Value) -> Value {
    use yaml_serde::Value as Yaml;
    match yaml {
        Yaml::Tagged(tagged) => json!({tagged.tag.to_string(): plain(tagged.value)}),
        Yaml::Sequence(items) => items.into_iter().map(plain).collect(),
        Yaml::Mapping(members) => {
            let text = |key: Yaml| key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
            Value::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (text(key), plain(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        scalar => serde_json::to_value(scalar).unwrap(),
    }
}
