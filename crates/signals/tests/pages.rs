//! The pages of the detectors in `docs/detectors/` are what their files say. `UPDATE_DOCS=1` writes them.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use signals::detect::ALL;

#[test]
fn the_pages_of_the_detectors_are_what_their_files_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/detectors");
    let mut list = "# Detectors\n\nWhat each finds, when it stays silent, and what can be set. Generated from the detectors' own files.\n\n".to_string();
    for detector in ALL {
        let _ = writeln!(list, "- [{}]({}.md): {}", detector.name, detector.name, detector.about());
    }
    list.push_str("\nSettings are a file: [how](../recipes/detectors.md).\n");
    let pages = ALL.iter().map(|detector| (format!("{}.md", detector.name), detector.page()));
    for (name, page) in pages.chain([("README.md".to_string(), list)]) {
        let path = folder.join(&name);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &page).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == page, "docs/detectors/{name} is stale: run with UPDATE_DOCS=1");
    }
}

#[test]
fn every_detector_says_what_it_finds_and_when_it_is_silent() {
    for detector in ALL {
        let page = detector.documentation();
        assert!(page.contains("Finds:") && page.contains("ilent"), "{} does not say it", detector.name);
    }
}
