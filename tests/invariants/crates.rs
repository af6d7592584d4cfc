//! The crates' boundaries, as Cargo sees them.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use runtime::telemetry::OWN_CRATES;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Names of all packages that a package is built from, without tests and build scripts.
fn built_from(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(["--package", package])
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_cli_is_built_without_aws_schemas_and_a_server() {
    let packages = built_from("cli");
    assert!(packages.contains("api"), "cargo tree lists packages");
    let unwanted: Vec<_> = packages
        .iter()
        .filter(|name| {
            name.starts_with("aws-")
                || ["axum", "jsonschema", "lambda_http"].contains(&name.as_str())
        })
        .collect();
    assert!(unwanted.is_empty(), "{unwanted:?}");
}

#[test]
fn the_model_is_built_without_io() {
    let packages = built_from("model");
    for unwanted in ["tokio", "axum", "aws-sdk-dynamodb", "reqwest", "jsonschema"] {
        assert!(!packages.contains(unwanted), "{unwanted}");
    }
}

#[test]
fn only_the_store_names_the_sdk() {
    for folder in ["shared", "functions"] {
        for entry in fs::read_dir(Path::new(ROOT).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let Ok(manifest) = fs::read_to_string(path.join("Cargo.toml")) else { continue };
            let names_it = manifest.contains("aws-sdk-");
            assert_eq!(names_it, path.ends_with("store"), "{}", path.display());
        }
    }
}

/// A crate that is missing there logs warnings only.
#[test]
fn every_crate_of_a_function_follows_the_log_level() {
    let mut crates = BTreeSet::new();
    for folder in ["shared", "functions"] {
        for entry in fs::read_dir(Path::new(ROOT).join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap().replace('-', "_");
            crates.insert(if name == "http" { "tollgate_http".to_owned() } else { name });
        }
    }
    assert_eq!(crates, OWN_CRATES.map(str::to_owned).into());
}
