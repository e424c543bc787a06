// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every link of every page leads to a file that is there, and to a heading in it.

use std::path::Path;

use super::docs;
use super::page::Page;

/// Links of a page that lead nowhere.
fn broken(page: &Page) -> Vec<String> {
    let mut bad = Vec::new();
    for (line, target) in page.links() {
        if ["http://", "https://", "mailto:"].iter().any(|s| target.starts_with(s)) {
            continue;
        }
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let folder = page.path.parent().expect("a folder");
        let path = if file.is_empty() { page.path.clone() } else { folder.join(file) };
        let anchored = || {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Page::read(path.parent().unwrap_or(Path::new(".")), &name).anchors().iter().any(|a| a == anchor)
        };
        if !path.exists() || (!anchor.is_empty() && !anchored()) {
            bad.push(format!("{}:{line}: {target}", page.path.display()));
        }
    }
    bad
}

#[test]
fn every_link_and_anchor_leads_somewhere() {
    let mut bad = Vec::new();
    let mut links = 0;
    for folder in [docs(), docs().join("book"), docs().join("scenarios"), docs().join("..")] {
        for entry in std::fs::read_dir(&folder).expect("readable").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".md") {
                let page = Page::read(&folder, &name);
                links += page.links().count();
                bad.extend(broken(&page));
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert!(links > 100, "only {links} links were found");
}

#[test]
fn a_link_to_nothing_and_an_anchor_to_nothing_are_found() {
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    let text = "# One heading\n[a](#one-heading) [b](#two) [c](nothing.md) `[d](e)` [f](page.md)\n";
    std::fs::write(dir.path().join("page.md"), text).expect("writable");
    let bad = broken(&Page::read(dir.path(), "page.md"));
    assert_eq!(bad.len(), 2, "{bad:?}");
}
