//! When a segment has to go, at the boundaries and with clocks that are wrong.

use std::sync::Arc;

use object_store::path::Path;

use super::*;
use crate::bloom::TraceBloom;

fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn segment(table: Table, newest: &str, arrived: &str) -> SegmentMeta {
    SegmentMeta {
        id: 1,
        table,
        project: "default".into(),
        environment: None,
        day: "2026-11-21".into(),
        path: Path::from("segments/1"),
        rows: 10,
        bytes: 1000,
        min_time: Timestamp::default(),
        max_time: time(newest),
        min_version: 1,
        max_version: 1,
        level: 0,
        provisional: 0,
        arrived: time(arrived),
        content: true,
        checksum: None,
        traces: Arc::new(TraceBloom::all()),
    }
}

fn retention(text: &str) -> Retention {
    Retention { default: text.parse().unwrap(), projects: BTreeMap::new() }
}

fn goes(rules: &str, newest: &str, arrived: &str) -> String {
    retention(rules).drop_at(&segment(Table::Spans, newest, arrived)).unwrap().to_string()
}

#[test]
fn a_segment_goes_when_its_newest_row_is_old_enough() {
    assert!(goes("spans=90d", "2026-11-21T08:00:00Z", "2026-11-21T08:01:00Z").starts_with("2027-02-19T08:00:00"));
    assert!(goes("spans=1h", "2026-11-21T08:00:00Z", "2026-11-21T08:01:00Z").starts_with("2026-11-21T09:01:00"));
}

#[test]
fn old_data_that_is_imported_stays_a_day_and_a_mad_clock_counts_from_arrival() {
    let arrived = "2026-11-21T08:00:00Z";
    assert!(goes("spans=30d", "2026-03-01T00:00:00Z", arrived).starts_with("2026-11-22T08:00:00"), "an import");
    assert!(goes("spans=30d", "1970-01-01T00:00:00Z", arrived).starts_with("2026-12-21T08:00:00"), "not at once");
    assert!(goes("spans=30d", "2100-01-01T00:00:00Z", arrived).starts_with("2026-12-21T08:00:00"), "not for ever");
    assert!(goes("spans=30d", "2026-11-22T07:00:00Z", arrived).starts_with("2026-12-22T07:00:00"), "a fast clock");
}

#[test]
fn content_goes_with_its_spans_at_the_latest_and_a_project_may_have_its_own_times() {
    let mut retention = retention("spans=30d, bodies=90d,logs=14d");
    let days = |days: u64| Some(Duration::from_secs(days * 86_400));
    assert_eq!(retention.keep("default", Layer::Bodies), days(30));
    retention.projects.insert("kept".into(), "spans=forever,bodies=7d".parse().unwrap());
    assert_eq!(retention.keep("kept", Layer::Spans), None);
    assert_eq!(retention.keep("kept", Layer::Bodies), days(7));
    assert_eq!((retention.keep("kept", Layer::Logs), retention.keep("kept", Layer::Samples)), (days(14), None));
    let runs = segment(Table::Runs, "2026-11-21T08:00:00Z", "2026-11-21T08:00:00Z");
    assert!(retention.strip_at(&runs).unwrap().to_string().starts_with("2026-12-21"));
    assert_eq!(retention.strip_at(&SegmentMeta { content: false, ..runs }), None);
    assert_eq!(retention.drop_at(&segment(Table::Samples, "2026-11-21T08:00:00Z", "2026-11-21T08:00:00Z")), None);
}

#[test]
fn scores_have_a_time_of_their_own_or_that_of_log_records() {
    let (times, days) = ("2026-11-21T08:00:00Z", |days: u64| Some(Duration::from_secs(days * 86_400)));
    let logs = segment(Table::Logs, times, times);
    let scores = SegmentMeta { path: Path::from("segments/scores/project=default/1.parquet"), ..logs.clone() };
    let at = |rules: &str| {
        let retention = retention(rules);
        [&logs, &scores].map(|meta| retention.drop_at(meta).map(|time| time.to_string()[..10].to_owned()))
    };
    let day = |text: &str| Some(text.to_owned());
    assert_eq!(at("logs=10d"), [day("2026-12-01"), day("2026-12-01")]);
    assert_eq!(at("logs=10d,scores=20d"), [day("2026-12-01"), day("2026-12-11")]);
    assert_eq!(at("logs=10d,scores=forever"), [day("2026-12-01"), None]);
    assert_eq!(at("scores=1d"), [None, day("2026-11-22")]);
    let mut retention = retention("scores=20d");
    retention.projects.insert("shop".into(), "logs=1d".parse().unwrap());
    assert_eq!(retention.keep("shop", Layer::Scores), days(20), "said of scores, if for all projects");
}

#[test]
fn a_setting_that_cannot_be_read_says_what_to_write() {
    let error = |text: &str| text.parse::<Rules>().unwrap_err().to_string();
    assert!(error("bodys=3d").contains("bodies, spans, logs, samples, scores"));
    assert!(error("spans").contains("spans=90d"));
    assert!(error("spans=3").contains("90d"));
    assert!(error("spans=3y").contains("forever"));
    assert!(error("spans=0d").contains("1h"));
    assert!(error("spans=99999999999999999999d").contains("forever"));
}
