//! Directories of series that earlier versions wrote, one folder a version below `fixtures/`: today's program reads them all.
//!
//! A folder is written once, by the last program of its version, and never again:
//! `TAWNY_WRITE_FIXTURE=crates/series/tests/fixtures/vN cargo test -p series --test it fixtures`.

use std::fs;
use std::path::{Path, PathBuf};

use promql::histogram::Histogram;
use promql::{Labels, Matcher};
use series::{
    Batch, Db, Exemplar, Metadata, MetricType, Mode, SampleValue, SelectLimits, Settings, Write, check_files,
};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Midnight of a day.
const START: i64 = 20_000 * DAY;
/// Time between two samples.
const STEP: i64 = 300_000;
/// A day that is one block, blocks of two hours, a checkpoint, and a log behind it.
const END: i64 = START + 30 * HOUR;

fn settings() -> Settings {
    Settings { sync: false, thin_after: None, ..Settings::default() }
}

fn labels(metric: &str) -> Labels {
    Labels::new([("__name__", metric), ("agent", "planner ü")])
}

fn times() -> impl Iterator<Item = i64> {
    (START..END).step_by(STEP as usize)
}

fn number(time: i64) -> f64 {
    (time / STEP % 1000) as f64
}

fn fraction(time: i64) -> f64 {
    number(time) / 7.0 - 3.0
}

fn histogram(time: i64) -> Histogram {
    let count = number(time) + 1.0;
    Histogram { count, sum: count / 3.0, positive: vec![(-3, count)], ..Histogram::default() }
}

/// What every fixture holds: whole numbers, fractions, native histograms, what is known of a metric, an exemplar.
fn fill(dir: &Path) {
    let db = Db::open(dir, settings(), START).unwrap();
    for time in times() {
        let histogram = Write {
            labels: labels("histogram"),
            time,
            value: SampleValue::Histogram(histogram(time).into()),
            mode: Mode::Set,
            start: None,
        };
        let mut batch = Batch {
            writes: vec![
                Write::float(labels("number"), time, number(time)),
                Write::float(labels("fraction"), time, fraction(time)),
                histogram,
            ],
            ..Batch::default()
        };
        if time == START {
            let about = Metadata { kind: MetricType::Gauge, help: "A help.".into(), unit: "s".into() };
            batch.metadata.push(("number".into(), about));
        }
        if time + STEP >= END {
            let trace = Labels::new([("trace_id", "0af7651916cd43dd8448eb211c80319c")]);
            batch.exemplars.push(Exemplar { series: labels("number"), labels: trace, value: 0.5, time });
        }
        db.write(batch, time).unwrap();
        db.maintain(time).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn what_an_earlier_version_wrote_is_read_and_goes_on() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if let Some(folder) = std::env::var_os("TAWNY_WRITE_FIXTURE") {
        let folder = root.join("../..").join(folder);
        fs::create_dir_all(&folder).unwrap();
        fill(&folder);
    }
    let folders = fs::read_dir(root.join("tests/fixtures"));
    let folders = folders.expect("the fixtures are gone; this file says how one is written");
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(!folders.is_empty(), "the fixtures are gone");
    for folder in folders {
        let version = folder.file_name().unwrap().to_string_lossy().into_owned();
        let dir = tempfile::tempdir().unwrap();
        copy(&folder, dir.path());
        let checked = check_files(dir.path()).unwrap();
        assert!(checked.files >= 4 && checked.faults.is_empty(), "{version}: {checked:?}");
        for place in ["as written", "after upkeep"] {
            let db = Db::open(dir.path(), settings(), END).unwrap();
            assert_eq!(db.stats().damaged, 0, "{version} {place}");
            let limits = SelectLimits { series_max: 10, samples_max: 1_000_000 };
            let read = |metric: &str| {
                let found = db.select(&[Matcher::equal("__name__", metric)], i64::MIN, i64::MAX, limits).unwrap();
                assert_eq!(found.len(), 1, "{version} {place} {metric}");
                let (series, whole) = found[0].unpack();
                whole.unwrap();
                assert_eq!(series.labels, labels(metric), "{version} {place}");
                series
            };
            for (metric, value) in [("number", number as fn(i64) -> f64), ("fraction", fraction as fn(i64) -> f64)] {
                let series = read(metric);
                let expected: Vec<(i64, f64)> = times().map(|time| (time, value(time))).collect();
                let found: Vec<(i64, f64)> = series.times.into_iter().zip(series.values).collect();
                assert_eq!(found, expected, "{version} {place} {metric}");
            }
            let counts = |of: &Histogram| (of.count, of.sum, of.positive.clone());
            let found: Vec<_> =
                read("histogram").histograms.iter().map(|(time, value)| (*time, counts(value))).collect();
            let expected: Vec<_> = times().map(|time| (time, counts(&histogram(time)))).collect();
            assert_eq!(found, expected, "{version} {place}");
            let about = &db.metadata()["number"];
            assert_eq!((about.kind, about.help.as_str(), about.unit.as_str()), (MetricType::Gauge, "A help.", "s"));
            let exemplars = db.exemplars(&[vec![Matcher::equal("__name__", "number")]], i64::MIN, i64::MAX);
            assert_eq!(exemplars.len(), 1, "{version} {place}");
            db.maintain(END + 6 * HOUR).unwrap();
        }
    }
}
