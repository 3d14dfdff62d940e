//! `GET /api/v1/signals` is guide D's bundle: every field of its four classes, and its flat snapshot, as the guide prints them.

use std::path::Path;

use serde_json::Value;

use crate::support::{Server, agent_run};

/// The guide's text; says so where it is absent.
fn guide() -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/seeds");
    let Ok(files) = std::fs::read_dir(folder) else {
        println!("skipped: ../shared/seeds is absent");
        return None;
    };
    let paths = files.map(|entry| entry.unwrap().path());
    let texts = paths.filter_map(|path| std::fs::read_to_string(path).ok());
    texts.into_iter().find(|text| text.contains("class AgentSignalBundle:"))
}

/// Fields of the guide's classes, by the bundle's field for the class.
fn fields(guide: &str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for (class, layer) in [
        ("StandardSignals", "standard"),
        ("LLMSignals", "llm"),
        ("AgentSignals", "agent"),
        ("BusinessSignals", "business"),
    ] {
        let (_, body) = guide.split_once(&format!("class {class}:\n")).unwrap();
        let lines = body.lines().take_while(|line| line.starts_with("    "));
        let named = lines.filter_map(|line| line.trim().split_once(": "));
        let is_name =
            |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        found.extend(named.filter(|(name, _)| is_name(name)).map(|(name, _)| (layer, name.to_owned())));
    }
    found
}

/// The snapshot's names with layer and field: `"agent_requests_total": self.standard.request_count,`.
fn snapshot(guide: &str) -> Vec<(String, String, String)> {
    let line = |line: &str| {
        let (name, rest) = line.trim().strip_prefix('"')?.split_once("\": self.")?;
        let (layer, field) = rest.trim_end_matches(',').split_once('.')?;
        Some((name.to_owned(), layer.to_owned(), field.to_owned()))
    };
    guide.lines().filter_map(line).collect()
}

#[test]
fn every_field_of_the_guides_bundle_is_answered_live_and_per_agent() {
    let Some(guide) = guide() else { return };
    let (fields, snapshot) = (fields(&guide), snapshot(&guide));
    assert!(fields.len() >= 27 && snapshot.len() >= 11, "the guide was not read: {fields:?} {snapshot:?}");
    let server = Server::configured(tempfile::TempDir::new().unwrap(), |settings| {
        settings.runs.settle_nanos = 1_000_000;
    });
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    let answer = server.until("/api/v1/signals", |answer| answer["signals"]["standard"]["request_count"] == 1.0);
    let one = &answer["agents"][0];
    assert_eq!(one["agent"], "planner");
    for signals in [&answer["signals"], &one["signals"]] {
        let missing: Vec<&(&str, String)> =
            fields.iter().filter(|(layer, field)| signals[*layer].get(field).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
        // What is not known is null there, and left out of the snapshot.
        for (name, layer, field) in &snapshot {
            let flat = signals["snapshot"].get(name).unwrap_or(&Value::Null);
            assert_eq!(flat, &signals[layer.as_str()][field.as_str()], "{name}");
        }
    }
    let known = answer["signals"]["snapshot"].as_object().unwrap();
    assert!(known.len() >= 9, "{known:?}");
}
