//! The committed description of the API is the one the handlers give.

use std::fs;
use std::path::Path;

/// Set this environment variable to write the document anew.
const REWRITE: &str = "TAWNY_REWRITE";

#[test]
fn the_committed_document_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let current = server::api::openapi::text();
    if std::env::var_os(REWRITE).is_some() {
        fs::write(&path, &current).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == current,
        "docs/openapi.json is out of date: run `{REWRITE}=1 cargo test -p server openapi` and look at the difference"
    );
}

#[test]
fn every_operation_has_a_name_and_says_what_it_is() {
    let document: serde_json::Value = serde_json::from_str(&server::api::openapi::text()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name =
                operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no operationId"));
            assert!(names.insert(name.to_owned()), "{name} is used twice");
            assert!(
                operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
                "{method} {path} has no summary"
            );
        }
    }
    assert!(names.len() > 15);
}
