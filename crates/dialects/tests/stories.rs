//! What a person sees of every recorded capture: `tests/stories/<capture>.txt`, reviewed by hand against what the clients
//! sent and what the provider counted. What a story does not say, the capture does not carry.
//!
//! `UPDATE_GOLDEN=1 cargo test -p dialects --test stories` rewrites them; read the difference before keeping it.
//! Skipped where the captures are absent.

#[path = "support/captures.rs"]
mod captures;
#[path = "support/story.rs"]
mod story;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

/// Captures in OpenTelemetry's protocol, with the totals they must come to.
fn expected(folder: &Path) -> Vec<(String, Json)> {
    let all: Json = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let all = all.as_object().unwrap().clone();
    all.into_iter().filter(|(_, totals)| totals.get("native_protocol").is_none()).collect()
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories").join(format!("{}.txt", name.replace('/', "--")))
}

#[test]
fn every_capture_reads_as_its_story_says() {
    let Some(folder) = captures::folder() else { return };
    let mut wrong = Vec::new();
    for (name, _) in expected(&folder) {
        let told = story::story(&captures::spans(&folder, &name));
        let path = file(&name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, told).unwrap();
            continue;
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        if written != told {
            let first = written.lines().zip(told.lines()).position(|(a, b)| a != b);
            let at = first.unwrap_or(written.lines().count().min(told.lines().count()));
            let line = |text: &str| text.lines().nth(at).unwrap_or("(the end)").to_owned();
            wrong.push(format!("{name}, line {}:\n  story: {}\n  now:   {}", at + 1, line(&written), line(&told)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn run_totals_of_every_capture_are_what_its_provider_counted() {
    let Some(folder) = captures::folder() else { return };
    let mut wrong = Vec::new();
    for (name, totals) in expected(&folder) {
        let runs = story::runs(&captures::spans(&folder, &name));
        let sum = |part: fn(&model::Run) -> u64| runs.iter().map(|resolved| part(&resolved.run)).sum::<u64>();
        let found = [
            sum(|run| run.usage.input_tokens.unwrap_or(0)),
            sum(|run| run.usage.output_tokens.unwrap_or(0)),
            sum(|run| run.llm_calls.into()),
        ];
        let mut wanted = ["input_tokens", "output_tokens", "llm_calls"].map(|key| totals[key].as_u64().unwrap());
        // This client streams a call without its tokens in a run of its own. The file leaves the call out; we count it, as its provider did.
        if name == "vercel-ai/v4" {
            wanted[2] = totals["provider"][2].as_u64().unwrap();
        }
        if found != wanted {
            wrong.push(format!("{name}: {found:?}, expected {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
