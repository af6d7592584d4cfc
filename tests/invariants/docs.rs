//! Documentation pages are reachable from the README, and all links have a target.

use std::{
    collections::{BTreeSet, VecDeque},
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().canonicalize().unwrap()
}

/// A page without its code blocks, which may contain text that resembles links and titles.
fn prose(path: &Path) -> String {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.split("```").step_by(2).collect()
}

/// Targets of links: `[text](target)`.
fn links(prose: &str) -> Vec<&str> {
    prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)).collect()
}

/// Anchors of titles: lower case, words joined by hyphens.
fn anchors(prose: &str) -> BTreeSet<String> {
    let titles = prose
        .lines()
        .filter_map(|line| Some(line.trim_start_matches('#')).filter(|title| *title != line));
    let anchor = |title: &str| {
        let kept = title
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .collect::<String>();
        kept.replace(' ', "-")
    };
    titles.map(anchor).collect()
}

#[test]
fn links_are_valid_and_pages_reachable() {
    let root = root();
    let (mut found, mut left) = (BTreeSet::new(), VecDeque::from([root.join("README.md")]));
    while let Some(page) = left.pop_front() {
        if !found.insert(page.clone()) {
            continue;
        }
        let prose = prose(&page);
        for link in links(&prose).into_iter().filter(|link| !link.starts_with("http")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let place =
                if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let place =
                place.canonicalize().unwrap_or_else(|_| panic!("{}: {link}", page.display()));
            if place.extension().is_some_and(|extension| extension == "md") {
                let is_there = anchor.is_empty() || anchors(&self::prose(&place)).contains(anchor);
                assert!(is_there, "{}: {link}", page.display());
                left.push_back(place);
            }
        }
    }
    for entry in fs::read_dir(root.join("docs")).unwrap().map(Result::unwrap) {
        let page = entry.path();
        let is_page = page.extension().is_some_and(|extension| extension == "md");
        assert!(!is_page || found.contains(&page), "no page links to {}", page.display());
    }
}
