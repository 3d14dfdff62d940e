//! What is merged, and how much is written again over time.

use object_store::path::Path;

use super::*;
use crate::bloom::TraceBloom;

const TARGET: u64 = 64 * 1024 * 1024;

fn segment(id: u64, day: &str, bytes: u64) -> Candidate {
    let meta = SegmentMeta {
        id,
        table: Table::Spans,
        project: "default".into(),
        environment: Some("default".into()),
        day: day.into(),
        path: Path::from(format!("segments/{id}")),
        rows: 1000,
        bytes,
        min_time: Timestamp::default(),
        max_time: Timestamp::default(),
        min_version: 0,
        max_version: 0,
        level: 0,
        provisional: 0,
        arrived: Timestamp::default(),
        content: true,
        checksum: None,
        traces: Arc::new(TraceBloom::all()),
    };
    Candidate { meta: Arc::new(meta), deleted: Arc::default() }
}

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-21T08:00:00Z").unwrap()
}

fn ids(job: &Job) -> Vec<u64> {
    job.iter().map(|candidate| candidate.meta.id).collect()
}

#[test]
fn days_and_tenants_are_never_mixed_and_few_files_of_today_are_left_alone() {
    let files: Vec<_> =
        (1..=14).map(|id| segment(id, if id % 2 == 0 { "2026-11-21" } else { "2026-11-20" }, 1000)).collect();
    assert!(plan(&files, now(), TARGET).is_empty());
    let files: Vec<_> =
        (1..=16).map(|id| segment(id, if id % 2 == 0 { "2026-11-21" } else { "2026-11-20" }, 1000)).collect();
    let jobs = [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]];
    assert_eq!(plan(&files, now(), TARGET).iter().map(ids).collect::<Vec<_>>(), jobs);
}

#[test]
fn a_day_that_is_over_is_merged_however_few_its_files_are() {
    let files = [segment(1, "2026-11-10", 1000), segment(2, "2026-11-10", 900)];
    assert_eq!(plan(&files, now(), TARGET).iter().map(ids).collect::<Vec<_>>(), [[1, 2]]);
    let lopsided = [segment(1, "2026-11-10", 1_000_000), segment(2, "2026-11-10", 900)];
    assert!(plan(&lopsided, now(), TARGET).is_empty());
}

#[test]
fn a_file_with_many_replaced_rows_is_written_again_for_itself() {
    let mut file = segment(1, "2026-11-21", TARGET);
    file.deleted = Arc::new((0..333).collect());
    assert!(plan(std::slice::from_ref(&file), now(), TARGET).is_empty());
    file.deleted = Arc::new((0..334).collect());
    assert_eq!(plan(&[file], now(), TARGET).iter().map(ids).collect::<Vec<_>>(), [[1]]);
}

#[test]
fn a_day_of_flushes_leaves_few_files_and_each_byte_is_written_a_few_times() {
    let mut files: Vec<Candidate> = Vec::new();
    let (mut next, mut written, mut flushed) = (0, 0, 0);
    let mut most = 0;
    for _ in 0..1440 {
        next += 1;
        files.push(segment(next, "2026-11-21", 200_000));
        flushed += 200_000;
        while let Some(job) = plan(&files, now(), TARGET).into_iter().next() {
            let inputs = ids(&job);
            let bytes: u64 = job.iter().map(|candidate| candidate.meta.bytes).sum();
            assert!(bytes <= TARGET);
            files.retain(|file| !inputs.contains(&file.meta.id));
            next += 1;
            files.push(segment(next, "2026-11-21", bytes));
            written += bytes;
        }
        most = most.max(files.len());
    }
    assert!(most <= 32, "{most} files");
    assert!(written <= flushed * 4, "every byte was written {} times", written / flushed);
}
