//! Golden pairs: `tests/golden/<dialect>/<case>.json` is what a client sends, `<case>.expected.json` how it is understood.
//! `UPDATE_GOLDEN=1 cargo test -p dialects --test golden` rewrites the expectations; read the difference before keeping it.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use model::Timestamp;
use serde_json::{Value as Json, json};

fn cases(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            cases(&entry, found);
        } else if entry.extension().is_some_and(|end| end == "json")
            && !entry.to_string_lossy().ends_with(".expected.json")
        {
            found.push(entry);
        }
    }
}

fn understood(input: &Json) -> Json {
    let case = support::case(input);
    let tenant = dialects::tenant("default", &case.resource);
    let spans = case.spans.iter().map(|span| {
        let narrow = dialects::understand(span, &case.resource, &case.scope, &tenant, Timestamp::default());
        let content = dialects::content(span, &case.resource, &case.scope, &case.logs);
        json!({"name": span.name, "span": support::shown(&narrow), "content": content})
    });
    json!({"spans": spans.collect::<Vec<_>>()})
}

#[test]
fn every_case_is_understood_as_its_pair_says() {
    let mut found = Vec::new();
    cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"), &mut found);
    found.sort();
    assert!(!found.is_empty(), "no golden cases");
    let mut wrong = Vec::new();
    for path in found {
        let input: Json = serde_json::from_str(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let actual = understood(&input);
        let pair = path.with_extension("expected.json");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&pair, serde_json::to_string_pretty(&actual).unwrap() + "\n").unwrap();
            continue;
        }
        let expected: Json =
            fs::read_to_string(&pair).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        if expected != actual {
            wrong.push(format!("{}\n{}", path.display(), serde_json::to_string_pretty(&actual).unwrap()));
        }
    }
    assert!(wrong.is_empty(), "understood otherwise than expected:\n{}", wrong.join("\n"));
}

#[test]
fn every_dialect_has_a_golden_pair() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let missing: Vec<&str> = dialects::Dialects::builtin().names().filter(|name| !golden.join(name).is_dir()).collect();
    assert!(missing.is_empty(), "no golden pair for {missing:?}");
}
