//! The default kinds, which `infra/local` defines after a deployment, are valid.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use api::UserToDelete;
use model::{
    job::Timing,
    kind::{Discipline, KindSpec},
    name::Name,
};
use serde_json::{Value, json};
use tollgate_http::Contract;

/// Every default kind by name.
fn files() -> Vec<(String, Value)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/kinds");
    let files = fs::read_dir(folder).unwrap().map(|entry| {
        let file = entry.unwrap().path();
        assert_eq!(file.extension().unwrap(), "json", "{}", file.display());
        let name = Path::new(&file).file_stem().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap())
    });
    files.collect()
}

/// The stack's output that a kind's URL refers to, if any.
fn output(kind: &Value) -> Option<&str> {
    kind["target"]["url"].as_str()?.strip_prefix("${")?.strip_suffix('}')
}

/// The kind as defined on a stack with the output, and on one without.
fn with_and_without_output(kind: &Value) -> Vec<Value> {
    if output(kind).is_none() {
        return vec![kind.clone()];
    }
    let (mut with, mut without) = (kind.clone(), kind.clone());
    with["target"]["url"] = json!("http://127.0.0.1:8000/users/delete");
    without["target"] = json!({"type": "echo"});
    vec![with, without]
}

fn spec(name: &str) -> KindSpec {
    let (_, kind) = files().into_iter().find(|(known, _)| known == name).unwrap();
    serde_json::from_value(with_and_without_output(&kind).remove(0)).unwrap()
}

#[test]
fn every_default_kind_would_be_accepted() {
    // The template's shortest timing.
    let timing = Timing::for_target(Duration::from_secs(10));
    let files = files();
    assert!(!files.is_empty());
    for (name, kind) in files {
        assert!(name.parse::<Name>().is_ok(), "{name}");
        for body in with_and_without_output(&kind) {
            assert_eq!(KindSpec::schema().violations(&body, ""), [], "{name}");
            let spec: KindSpec = serde_json::from_value(body).unwrap();
            assert_eq!(spec.violations(timing), [], "{name}");
            assert!(!spec.description.is_empty() && spec.description.len() <= 1000, "{name}");
        }
    }
}

#[test]
fn values_from_the_stack_are_parameters_and_outputs() {
    let template =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml")).unwrap();
    let files = files();
    let named: BTreeSet<_> = files.iter().filter_map(|(_, kind)| output(kind)).collect();
    assert_eq!(named, BTreeSet::from(["TaskerUrl"]));
    let (parameters, outputs) = template.split_once("\nOutputs:\n").unwrap();
    for name in named {
        assert!(
            parameters.contains(&format!("\n  {name}:\n    Type: String\n")),
            "no parameter {name}"
        );
        assert!(outputs.contains(&format!("  {name}:\n")), "no output {name}");
    }
}

#[test]
fn messages_are_taken_newest_first() {
    assert_eq!(spec("message").discipline, Discipline::Lifo);
}

/// The schema of `DELETE /api/user` agrees with the kind's schema.
#[test]
fn delete_user_schema_matches_its_kind() {
    let kind = spec("user.delete").schema;
    let described =
        serde_json::to_value(<UserToDelete as utoipa::PartialSchema>::schema()).unwrap();
    for part in [
        "/type",
        "/required",
        "/additionalProperties",
        "/properties/id/type",
        "/properties/id/minimum",
    ] {
        assert!(kind.pointer(part).is_some(), "{part}");
        assert_eq!(described.pointer(part), kind.pointer(part), "{part}");
    }
}
