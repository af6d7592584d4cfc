//! Vendored files of the pages are unchanged.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

const ASSETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../functions/console/assets");

fn folders(folder: &Path) -> Vec<PathBuf> {
    let inside = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir());
    inside.flat_map(|inner| [folders(&inner), vec![inner]].concat()).collect()
}

/// A folder of vendored files has their hashes in the format of `sha256sum`, and a `README.md` with
/// their source.
#[test]
fn vendored_files_match_their_hashes() {
    let vendored: Vec<_> = folders(Path::new(ASSETS))
        .into_iter()
        .filter(|folder| folder.join("SHA256SUMS").exists())
        .collect();
    assert!(!vendored.is_empty());
    for folder in vendored {
        let kept = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
        let mut kept: Vec<_> = kept.lines().map(str::to_owned).collect();
        let mut found: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !["SHA256SUMS", "README.md"].contains(&name.as_str()))
            .map(|name| {
                let hash = Sha256::digest(fs::read(folder.join(&name)).unwrap());
                let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("{hash}  {name}")
            })
            .collect();
        kept.sort();
        found.sort();
        assert_eq!(found, kept, "{}", folder.display());
        assert!(folder.join("README.md").exists(), "{}", folder.display());
    }
}

/// No folder of vendored scripts lacks hashes.
#[test]
fn every_vendored_folder_has_hashes() {
    for folder in folders(Path::new(ASSETS)) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let is_vendored = name == "vendor" || name.contains(|c: char| c.is_ascii_digit());
        assert!(!is_vendored || folder.join("SHA256SUMS").exists(), "{}", folder.display());
    }
}
