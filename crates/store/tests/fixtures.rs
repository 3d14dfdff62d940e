//! Directories that earlier versions of the formats wrote are read, and merged with new files.

mod common;

use std::fs;
use std::path::Path;

use common::*;
use store::{Settings, Table};

/// What `fixtures/v1` holds: two requests with spans, the second of which repeats a span, each flushed; logs and samples.
fn sent() -> Vec<Sent> {
    let conversation = serde_json::json!([{"role": "user", "content": "x".repeat(300)}, {"role": "assistant", "content": "ü\n\"".repeat(50)}]);
    vec![
        Sent::new(1, 1).text("short").text("long ".repeat(200)).text(conversation.to_string()),
        Sent::new(1, 2).text(conversation.to_string()),
        Sent::new(2, 1).named("replaced"),
        Sent::new(2, 1).named("again"),
        Sent::new(3, 1).running(),
    ]
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_of_format_1_are_read_and_merged_with_those_of_today() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1");
    let data = tempfile::tempdir().unwrap();
    copy(&fixture, data.path());
    let clock = TestClock::new();
    // Days later: whatever small files there are get merged.
    clock.pass(3 * 24 * 3600 * SECOND);
    let store = open_with(Settings { grace: std::time::Duration::ZERO, ..settings(data.path()) }, &clock).await;
    let sent = sent();
    for place in ["as written", "merged with new files"] {
        let stored = store.trace("default", trace_id(1)).await.unwrap();
        assert_eq!(stored.iter().map(|span| span.raw.clone()).collect::<Vec<_>>(), [sent[0].raw(), sent[1].raw()]);
        let again = store.trace("default", trace_id(2)).await.unwrap();
        assert_eq!(again.iter().map(|span| span.raw.clone()).collect::<Vec<_>>(), [sent[3].raw()], "{place}");
        assert_eq!(store.trace_logs("default", trace_id(1)).await.unwrap().len(), 2, "{place}");
        assert_eq!(batches(&store, Table::Samples).await.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
        assert_eq!(runs(&store).await.len(), if place == "as written" { 3 } else { 4 });
        if place == "as written" {
            send(&store, &clock, &[Sent::new(4, 1)]).await.unwrap();
            store.flush().await.unwrap();
            assert!(compact_all(&store).await > 0);
        }
    }
}
