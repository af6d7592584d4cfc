//! Module layers: the domain never imports the outer layer, and only `shared::aws` uses the SDK.

use std::{
    fs,
    path::{Path, PathBuf},
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const DOMAIN: [&str; 18] = [
    "account", "endpoint", "event", "id", "job", "json", "kind", "metrics", "name", "push",
    "quota", "records", "schedule", "schema", "time", "usage", "wait", "zone",
];
const OUTER: [&str; 7] = ["api", "aws", "clock", "config", "gate", "outbound", "telemetry"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(sources(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
    found
}

/// The top-level module of `shared` that a file belongs to.
fn module(file: &Path) -> String {
    let inside = file.strip_prefix(Path::new(ROOT).join("shared/src")).unwrap();
    inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs")
        .to_owned()
}

#[test]
fn every_module_is_in_a_layer() {
    for file in sources(&Path::new(ROOT).join("shared/src")) {
        let module = module(&file);
        assert!(
            module == "lib"
                || DOMAIN.contains(&module.as_str())
                || OUTER.contains(&module.as_str()),
            "{module} is in no layer"
        );
    }
}

#[test]
fn domain_does_not_use_the_outer_layer() {
    let files = sources(&Path::new(ROOT).join("shared/src"));
    for file in files.iter().filter(|file| DOMAIN.contains(&module(file).as_str())) {
        let text = fs::read_to_string(file).unwrap();
        // Imports from the crate's root, or paths in the code.
        let imports =
            text.split("use crate::{").skip(1).map(|rest| rest.split("};").next().unwrap());
        for outer in OUTER {
            assert!(!text.contains(&format!("crate::{outer}")), "{} uses {outer}", file.display());
            for list in imports.clone() {
                let names =
                    list.split([',', '{', '}']).map(|part| part.trim().split("::").next().unwrap());
                assert!(
                    names.into_iter().all(|name| name != outer),
                    "{} imports {outer}",
                    file.display()
                );
            }
        }
        for forbidden in [
            "SystemTime::now",
            "Timestamp::now",
            "rand::random",
            "std::env",
            "tokio::",
            "axum::",
            "aws_",
        ] {
            assert!(!text.contains(forbidden), "{} uses {forbidden}", file.display());
        }
    }
}

#[test]
fn sdk_is_used_in_one_module() {
    for folder in ["shared/src", "functions", "cli/src", "bootstrap/src"] {
        for file in sources(&Path::new(ROOT).join(folder)) {
            if file.strip_prefix(Path::new(ROOT).join("shared/src")).is_ok()
                && module(&file) == "aws"
            {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            assert!(!text.contains("aws_sdk_"), "{} names the SDK", file.display());
        }
    }
}
