//! The default kinds, which `infra/local` puts after a deployment, are good ones.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use shared::{gate::Contract, job::Timing, kind::KindSpec, name::Name};

#[test]
fn every_default_kind_would_be_accepted() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/kinds");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    // The shortest times that the template has.
    let timing = Timing::for_target(Duration::from_secs(10));
    for file in files {
        let name = Path::new(&file).file_stem().unwrap().to_str().unwrap();
        assert!(name.parse::<Name>().is_ok() && file.extension().unwrap() == "json", "{}", file.display());
        let text = fs::read_to_string(&file).unwrap();
        let body: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(KindSpec::schema().violations(&body, ""), [], "{name}");
        let spec: KindSpec = serde_json::from_str(&text).unwrap();
        assert_eq!(spec.violations(timing), [], "{name}");
        assert!(!spec.description.is_empty() && spec.description.len() <= 1000, "{name}");
    }
}
