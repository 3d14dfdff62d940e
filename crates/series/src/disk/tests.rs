//! Series survive restarts and upkeep sample by sample.

use std::fs;

use promql::MatchOp;
use proptest::prelude::*;

use super::*;
use crate::thin::Fill;
use crate::write::{MetricType, Mode, Write};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Midnight of a day.
const START: i64 = 20_000 * DAY;

fn settings() -> Settings {
    Settings { sync: false, thin_after: None, ..Settings::default() }
}

fn labels(metric: &str, agent: usize) -> Labels {
    Labels::new([("__name__", metric.to_owned()), ("agent", format!("agent-{agent}"))])
}

fn batch(samples: impl IntoIterator<Item = (Labels, i64, f64)>) -> Batch {
    let writes = samples.into_iter().map(|(labels, time, value)| Write::float(labels, time, value)).collect();
    Batch { writes, ..Batch::default() }
}

const LIMITS: SelectLimits = SelectLimits { series_max: 1_000, samples_max: 10_000_000 };

fn all(db: &Db, metric: &str) -> Vec<(Labels, Vec<(i64, f64)>)> {
    let found = db.select(&[Matcher::equal("__name__", metric)], i64::MIN, i64::MAX, LIMITS).unwrap();
    found
        .iter()
        .map(|found| {
            let (series, whole) = found.unpack();
            whole.unwrap();
            (series.labels, series.times.into_iter().zip(series.values).collect())
        })
        .collect()
}

/// Writes a sample of two agents every minute for `hours`, with upkeep every ten minutes.
fn run(db: &Db, from: i64, hours: i64) -> Vec<(i64, f64)> {
    let mut expected = Vec::new();
    for minute in 0..hours * 60 {
        let time = from + minute * 60_000;
        let value = (time / 60_000 % 10_000) as f64;
        db.write(batch([(labels("a", 1), time, value), (labels("b", 2), time, 0.5)]), time).unwrap();
        expected.push((time, value));
        if minute % 10 == 0 {
            db.maintain(time).unwrap();
        }
    }
    expected
}

#[test]
fn what_was_written_is_there_after_a_restart_at_any_point() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    let mut from = START;
    for hours in [1, 4, 3, 20, 30] {
        let db = Db::open(dir.path(), settings(), from).unwrap();
        assert_eq!(all(&db, "a").first().map(|(_, samples)| samples.clone()).unwrap_or_default(), expected);
        expected.extend(run(&db, from, hours));
        assert_eq!(all(&db, "a"), [(labels("a", 1), expected.clone())]);
        from += hours * HOUR;
    }
    let db = Db::open(dir.path(), settings(), from).unwrap();
    let stats = db.stats();
    assert_eq!(stats.block_samples + stats.samples, 2 * 58 * 60);
    // Two whole days are one block each.
    assert!(stats.blocks < 8, "{} blocks", stats.blocks);
    // Labels over all time, by set of matchers.
    let set = |name: &str, value: &str| vec![Matcher::new(name, MatchOp::Matches, value).unwrap()];
    let found = db.labels(&[set("agent", ".*-1"), set("__name__", "b")], START, from, 10).unwrap();
    assert_eq!(found, [labels("a", 1), labels("b", 2)]);
    let mut told: Vec<Labels> = Vec::new();
    db.each_labels(&[set("agent", ".*-1")], START, from, &mut |labels| told.push(labels.clone())).unwrap();
    told.dedup();
    assert_eq!(told, [labels("a", 1)], "in memory and in every block");
}

#[test]
fn a_downtime_of_days_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let expected = run(&Db::open(dir.path(), settings(), START).unwrap(), START, 3);
    let later = START + 3 * DAY;
    let db = Db::open(dir.path(), settings(), later).unwrap();
    assert_eq!(all(&db, "a")[0].1, expected);
    db.maintain(later).unwrap();
    assert_eq!((all(&db, "a")[0].1.clone(), db.stats().samples), (expected, 0));
}

#[test]
fn a_torn_log_keeps_what_came_before() {
    let dir = tempfile::tempdir().unwrap();
    let expected = {
        let db = Db::open(dir.path(), settings(), START).unwrap();
        run(&db, START, 1)
    };
    let log = dir.path().join("0.log");
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..bytes.len() - 3]).unwrap();
    let db = Db::open(dir.path(), settings(), START + HOUR).unwrap();
    assert_eq!(all(&db, "a")[0].1, expected[..59]);
    // The log goes on after the torn record.
    db.write(batch([(labels("a", 1), START + HOUR, 1.0)]), START + HOUR).unwrap();
    drop(db);
    let db = Db::open(dir.path(), settings(), START + HOUR).unwrap();
    assert_eq!(all(&db, "a")[0].1.len(), 60);
}

#[test]
fn a_damaged_block_is_set_aside_and_the_rest_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    run(&Db::open(dir.path(), settings(), START).unwrap(), START, 8);
    let mut blocks: Vec<PathBuf> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    blocks.retain(|path| path.extension().is_some_and(|it| it == "block"));
    blocks.sort();
    assert_eq!(blocks.len(), 3);
    let mut bytes = fs::read(&blocks[0]).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    fs::write(&blocks[0], bytes).unwrap();
    let db = Db::open(dir.path(), settings(), START + 8 * HOUR).unwrap();
    assert_eq!((db.stats().damaged, all(&db, "a")[0].1.len()), (1, 6 * 60));
    // Damage inside is an error that names the file.
    let mut bytes = fs::read(&blocks[1]).unwrap();
    bytes[9] ^= 1;
    fs::write(&blocks[1], bytes).unwrap();
    let error = db.select(&[Matcher::equal("__name__", "a")], 0, i64::MAX, LIMITS).unwrap_err().to_string();
    assert!(error.contains("is damaged") && error.contains(".block"), "{error}");
}

#[test]
fn a_check_names_every_file_that_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), settings(), START).unwrap();
    run(&db, START, 8);
    drop(db);
    let healthy = check_files(dir.path()).unwrap();
    assert!(healthy.files >= 4 && healthy.faults.is_empty() && healthy.set_aside == 0, "{healthy:?}");
    let newest = |kind: &str| {
        let files = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|it| it == kind)).max().unwrap()
    };
    for (kind, at, problem) in [
        ("block", 9, "are not what they were"),
        ("block", usize::MAX, "last bytes"),
        ("head", 9, "are not what they were"),
        ("log", 20, "more follows"),
    ] {
        let path = newest(kind);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        let at = at.min(bytes.len() - 20);
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let faults = check_files(dir.path()).unwrap().faults;
        assert_eq!(faults.len(), 1, "{kind}: {faults:?}");
        assert!(faults[0].0 == path && faults[0].1.contains(problem), "{kind}: {faults:?}");
        fs::write(&path, whole).unwrap();
    }
    // A torn end is what a kill leaves.
    let path = newest("log");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    assert!(check_files(dir.path()).unwrap().faults.is_empty());
}

#[test]
fn a_damaged_log_is_kept_for_people_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), settings(), START).unwrap();
    for minute in 0..10 {
        db.write(batch([(labels("a", 1), START + minute * 60_000, 1.0)]), START + minute * 60_000).unwrap();
    }
    drop(db);
    let path = dir.path().join("0.log");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let db = Db::open(dir.path(), settings(), START + 600_000).unwrap();
    assert_eq!(db.stats().damaged, 1);
    let read = all(&db, "a")[0].1.len();
    assert!((1..10).contains(&read), "{read}");
    let aside = fs::read(dir.path().join("0.log.damaged")).unwrap();
    assert!(bytes.ends_with(&aside) && aside.len() >= bytes.len() - middle);
    assert_eq!(check_files(dir.path()).unwrap().set_aside, 1);
}

#[test]
fn old_days_keep_their_increase_and_then_go() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { thin_after: Some(2 * DAY), keep: Some(5 * DAY), ..settings() };
    let db = Db::open(dir.path(), settings.clone(), START).unwrap();
    for minute in 0..3 * 24 * 60 {
        let now = START + minute * 60_000;
        db.write(batch([(labels("calls_total", 1), now, minute as f64)]), now).unwrap();
        if minute % 60 == 0 {
            db.maintain(now).unwrap();
        }
    }
    let now = START + 4 * DAY;
    db.maintain(now).unwrap();
    assert_eq!(db.thin_before(), Some(START + 2 * DAY));
    let samples = all(&db, "calls_total")[0].1.clone();
    let day = |day: i64| -> Vec<f64> {
        let inside = |time: i64| (START + day * DAY..START + (day + 1) * DAY).contains(&time);
        samples.iter().filter(|(time, _)| inside(*time)).map(|(_, value)| *value).collect()
    };
    assert_eq!((day(0).len(), day(1).len(), day(2).len()), (48, 48, 24 * 60));
    assert_eq!((day(0)[0], day(1)[0], day(1)[47]), (0.0, 1_440.0, 2_879.0));
    // Again does nothing more, and a restart finds the same.
    assert_eq!(db.maintain(now).unwrap(), Maintained::default());
    drop(db);
    let db = Db::open(dir.path(), settings, now).unwrap();
    assert_eq!(all(&db, "calls_total")[0].1, samples);
    let done = db.maintain(START + 6 * DAY + HOUR).unwrap();
    assert_eq!((done.expired, all(&db, "calls_total")[0].1.len()), (1, 48 + 48));
}

#[test]
fn a_year_of_samples_takes_little_and_is_answered_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { thin_after: Some(15 * DAY), ..settings() };
    let db = Db::open(dir.path(), settings, START).unwrap();
    // A counter that grows at another speed every hour, and a gauge; a sample a minute, seven seconds past it.
    let (calls, load) = (labels("calls_total", 1), labels("load", 1));
    let speed = |hour: i64| (hour * 7 % 5 + 1) as f64;
    let mut count = 0.0;
    for hour in 0..365 * 24 {
        let mut samples = Vec::new();
        for minute in 0..60 {
            let time = START + hour * HOUR + minute * 60_000 + 7_000;
            count += speed(hour);
            samples.push((calls.clone(), time, count));
            samples.push((load.clone(), time, (minute % 30) as f64));
        }
        let now = START + (hour + 1) * HOUR;
        db.write(batch(samples), now).unwrap();
        if hour % 24 == 23 {
            db.maintain(now).unwrap();
        }
    }
    let stats = db.stats();
    println!("{} samples in {} bytes of {} blocks", stats.block_samples, stats.block_bytes, stats.blocks);
    assert_eq!(db.thin_before(), Some(START + 350 * DAY));
    // Of a million samples those of the last days and a few of each hour stay.
    assert!(stats.block_samples < 350 * 24 * 6 + 15 * 2 * 1_440, "{} samples", stats.block_samples);
    assert!(stats.block_bytes < 1_000_000, "{} bytes", stats.block_bytes);
    let value = |text: &str, time: i64| -> Option<f64> {
        let query = promql::parse(text).unwrap();
        let params = promql::Params::instant(time);
        let fetched = |need: &promql::SelectorNeed| -> Vec<Arc<promql::Series>> {
            let asked = (need.from_ms, need.to_ms);
            let fill = Fill::of(db.thin_before(), asked, need.window_ms);
            let (from, to) = fill.map_or(asked, |fill| fill.needs());
            let found = db.select(&need.matchers, from, to, LIMITS).unwrap();
            let unpacked = found.iter().map(|found| {
                let (mut series, _) = found.unpack();
                fill.iter().for_each(|fill| fill.apply(&mut series));
                Arc::new(series)
            });
            unpacked.collect()
        };
        let fetched: Vec<Vec<Arc<promql::Series>>> = query.selectors(&params).unwrap().iter().map(fetched).collect();
        match promql::evaluate(&query, &fetched, &params, &promql::Limits::default()).unwrap().value {
            promql::Value::Vector(samples) => samples.first().and_then(|sample| sample.point.float()),
            other => panic!("{other:?}"),
        }
    };
    let grown = |time: i64| {
        let hour = (time - START) / HOUR;
        let whole: f64 = (0..hour).map(|hour| 60.0 * speed(hour)).sum();
        whole + (time - START - hour * HOUR) as f64 / 60_000.0 * speed(hour)
    };
    let near = |found: Option<f64>, wanted: f64, share: f64| {
        found.is_some_and(|found| (found - wanted).abs() <= wanted * share)
    };
    // Long ago, at the seam between summaries and all samples, and lately; on the hour and in the middle of it.
    for (day, minutes) in [(10, 0), (10, 630), (200, 317), (349, 1_439), (350, 0), (350, 30), (350, 720), (360, 630)] {
        let at = START + day * DAY + minutes * 60_000;
        let of_hour = value("increase(calls_total[1h])", at);
        let wanted = grown(at) - grown(at - HOUR);
        assert!(near(of_hour, wanted, 0.06), "day {day}, minute {minutes}: {of_hour:?} of {wanted}");
        let of_day = value("increase(calls_total[24h])", at);
        let wanted = grown(at) - grown(at - DAY);
        assert!(near(of_day, wanted, 0.02), "day {day}, minute {minutes}: {of_day:?} of {wanted}");
        assert!(value("load", at).is_some(), "day {day}, minute {minutes}");
        assert_eq!(value("max_over_time(load[1d]) - min_over_time(load[1d])", at), Some(29.0), "day {day}");
        if minutes % 60 == 30 {
            let rate = value("rate(calls_total[5m]) * 60", at);
            let wanted = speed((at - START) / HOUR);
            assert!(near(rate, wanted, 0.01), "day {day}, minute {minutes}: {rate:?} of {wanted}");
        }
    }
}

#[test]
fn metadata_and_exemplars_outlive_checkpoints_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let metadata = Metadata { kind: MetricType::Counter, help: "Calls.".into(), unit: String::new() };
    let exemplar =
        Exemplar { series: labels("a", 1), labels: Labels::new([("trace_id", "ab")]), value: 1.5, time: START };
    let db = Db::open(dir.path(), settings(), START).unwrap();
    let batch = Batch {
        metadata: vec![("a".into(), metadata.clone())],
        exemplars: vec![exemplar.clone(), exemplar.clone()],
        ..Batch::default()
    };
    assert_eq!(db.write(batch.clone(), START).unwrap().exemplars, 1);
    assert_eq!(db.write(batch, START).unwrap().exemplars, 0);
    run(&db, START, 6);
    drop(db);
    let db = Db::open(dir.path(), settings(), START + 6 * HOUR).unwrap();
    assert_eq!(db.metadata().get("a"), Some(&metadata));
    let sets = [vec![Matcher::equal("agent", "agent-1")]];
    assert_eq!(db.exemplars(&sets, START, START), [exemplar]);
    assert_eq!(db.exemplars(&sets, START + 1, i64::MAX), []);
}

#[test]
fn a_selection_stops_at_its_limits() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), settings(), START).unwrap();
    db.write(batch((0..20).map(|at| (labels("a", at), START, 1.0))), START).unwrap();
    let select = |series_max, samples_max| {
        let matchers = [Matcher::equal("__name__", "a")];
        db.select(&matchers, 0, START, SelectLimits { series_max, samples_max }).map(|found| found.len())
    };
    assert_eq!(select(20, 20).unwrap(), 20);
    assert!(select(19, 20).unwrap_err().to_string().contains("more than 19 series (series_max)"));
    assert!(select(20, 19).unwrap_err().to_string().contains("more than 19 samples (samples_max)"));
}

#[test]
fn growth_goes_on_after_a_restart_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let grow = |db: &Db, time, value| {
        let write = Write { mode: Mode::Add, ..Write::float(labels("a", 1), time, value) };
        db.write(Batch { writes: vec![write], ..Batch::default() }, time).unwrap();
    };
    let db = Db::open(dir.path(), settings(), START).unwrap();
    grow(&db, START + 15_000, 5.0);
    drop(db);
    let db = Db::open(dir.path(), settings(), START).unwrap();
    grow(&db, START + 30_000, 7.0);
    // After a checkpoint as well.
    db.maintain(START + 3 * HOUR - 1).unwrap();
    grow(&db, START + 3 * HOUR - 1, 1.0);
    assert_eq!(all(&db, "a")[0].1.last(), Some(&(START + 3 * HOUR - 1, 13.0)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn any_order_of_writes_upkeep_and_restarts_gives_the_same(
        steps in prop::collection::vec((0usize..3, -40i64..40, 0i64..100, 0u8..12), 1..200),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut db = Db::open(dir.path(), settings(), START).unwrap();
        let mut expected: BTreeMap<(usize, i64), f64> = BTreeMap::new();
        let mut now = START;
        for (agent, minutes, value, what) in steps {
            now += 7 * 60_000;
            let time = now + minutes * 60_000;
            let written = db.write(batch([(labels("a", agent), time, value as f64 / 2.0)]), now).unwrap();
            if written.samples == 1 {
                let before = expected.insert((agent, time), value as f64 / 2.0);
                prop_assert_eq!(before, None);
            }
            prop_assert!(!(-10..=10).contains(&minutes) || written.refused.keys().all(|it| *it == Refused::Duplicate));
            if what == 0 {
                db.maintain(now).unwrap();
            }
            if what == 1 {
                drop(db);
                db = Db::open(dir.path(), settings(), now).unwrap();
            }
        }
        let found: BTreeMap<(usize, i64), f64> = all(&db, "a")
            .into_iter()
            .flat_map(|(labels, samples)| {
                let agent: usize = labels.get("agent").strip_prefix("agent-").unwrap().parse().unwrap();
                samples.into_iter().map(move |(time, value)| ((agent, time), value))
            })
            .collect();
        prop_assert_eq!(found, expected);
    }
}
