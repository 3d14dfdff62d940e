//! Queries by any spelling find what is kept under one name.

use ::series::exposition::Scraper;
use ::series::{Batch, Settings, Write};
use model::{Tenant, Timestamp};
use signals::metrics::{Format, Label as Meaning, Limits, Registry, Show, write};
use tempfile::TempDir;

use super::*;

const NOW: i64 = 1_790_000_100_000;
const ALL: (i64, i64) = (i64::MIN / 2, i64::MAX / 2);

/// Something of every counter and histogram, with each word that a spelling changes or chooses by.
fn registry() -> Registry {
    let now = Timestamp::from_nanos(NOW * 1_000_000);
    let mut registry = Registry::new(Limits::default());
    for family in FAMILIES.iter().filter(|family| family.kind != Kind::Gauge) {
        for (status, direction, operation) in
            [("failure", "input", "chat"), ("success", "output", "chat"), ("success", "input", "embeddings")]
        {
            let word = |label: &Meaning| match label {
                Meaning::Status => status,
                Meaning::Direction | Meaning::GenAiTokenType => direction,
                Meaning::GenAiOperation => operation,
                _ => "x",
            };
            let labels: Vec<&str> = family.labels.iter().map(word).collect();
            for value in [0.3, 4.0] {
                registry.add(&Tenant::default(), family.id, &labels, value, now);
            }
        }
    }
    registry.commit(now);
    registry
}

fn empty() -> (TempDir, Db) {
    let dir = TempDir::new().unwrap();
    let db = Db::open(dir.path(), Settings::default(), NOW).unwrap();
    (dir, db)
}

/// The series of a scrape, under one name each or under every name.
fn scraped(registry: &Registry, spellings: bool) -> (TempDir, Db) {
    let (dir, db) = empty();
    let exposed = registry.exposed(Timestamp::from_nanos(NOW * 1_000_000), Show { spellings, zero_first: false });
    let page = write(&exposed, Format::OpenMetrics);
    db.write(Scraper::default().scrape(&page, &[("job", "tawny")], NOW).unwrap(), NOW).unwrap();
    (dir, db)
}

fn asked_for(db: &Db, text: &str) -> Vec<Series> {
    let query = promql::parse(text).unwrap();
    let matchers = query.selectors(&promql::Params::instant(NOW)).unwrap()[0].matchers.to_vec();
    let limits = SelectLimits { series_max: 100_000, samples_max: u64::MAX };
    select(db, &matchers, ALL, limits).unwrap().iter().map(Named::unpack).collect()
}

#[test]
fn every_name_is_answered_as_if_it_were_kept() {
    let registry = registry();
    let (_one, one) = scraped(&registry, false);
    let (_every, every) = scraped(&registry, true);
    let wanted = every.labels(&[], ALL.0, ALL.1, usize::MAX).unwrap();
    assert_eq!(labels(&one, &[], ALL, usize::MAX).unwrap(), wanted);
    let kept = one.labels(&[], ALL.0, ALL.1, usize::MAX).unwrap().len();
    assert!(kept < wanted.len(), "{kept} series instead of {}", wanted.len());
    let names: BTreeSet<&str> = wanted.iter().map(Labels::metric_name).collect();
    for spelling in FAMILIES.iter().filter(|family| family.kind != Kind::Gauge).flat_map(|family| family.spellings) {
        assert!(names.iter().any(|name| name.starts_with(spelling.name)), "{} has no series", spelling.name);
    }
    let limits = SelectLimits { series_max: 100_000, samples_max: u64::MAX };
    for name in names {
        let matchers = [Matcher::equal(METRIC_NAME, name)];
        let found: Vec<Series> = select(&one, &matchers, ALL, limits).unwrap().iter().map(Named::unpack).collect();
        let wanted = every.select(&matchers, ALL.0, ALL.1, limits).unwrap();
        assert_eq!(found, wanted.iter().map(|found| found.unpack().0).collect::<Vec<Series>>(), "{name}");
        let sets = [matchers.to_vec()];
        assert_eq!(
            labels(&one, &sets, ALL, usize::MAX).unwrap(),
            every.labels(&sets, ALL.0, ALL.1, usize::MAX).unwrap(),
            "{name}"
        );
    }
    // Conditions without a name, of labels that read alike under every name and of some that do not.
    for (label, value) in
        [("job", "tawny"), ("status", "failed"), ("status", "failure"), (BUCKET, "500"), ("cost_type", "total")]
    {
        let sets = [vec![Matcher::equal(label, value)]];
        assert_eq!(
            labels(&one, &sets, ALL, usize::MAX).unwrap(),
            every.labels(&sets, ALL.0, ALL.1, usize::MAX).unwrap(),
            "{label}={value}"
        );
    }
    let known: Vec<String> = every.metadata().into_keys().collect();
    assert_eq!(metadata(one.metadata()).into_keys().collect::<Vec<String>>(), known);
}

#[test]
fn conditions_are_on_the_words_and_bounds_of_the_name_that_is_asked_for() {
    let (_dir, db) = scraped(&registry(), false);
    for (text, series) in [
        (r#"agent_workflow_completed_total{status="failed"}"#, 1),
        (r#"agent_workflow_completed_total{status="failure"}"#, 0),
        (r#"agent_workflow_completed_total{status!~"failed|success"}"#, 0),
        (r#"workflow_executions_total{status="failure"}"#, 1),
        (r#"agent_run_duration_ms_bucket{le="500"}"#, 1),
        (r#"agent_run_duration_ms_bucket{le="0.5"}"#, 0),
        (r#"agent_workflow_duration_seconds_bucket{le="0.5"}"#, 1),
        (r#"agent_cost_dollars_total{cost_type="total", model="x"}"#, 1),
        (r#"agent_cost_dollars_total{cost_type!="total"}"#, 0),
        (r#"agent_tokens_input_total{direction="output"}"#, 0),
        (r#"{__name__=~"agent_tokens_(in|out)put_total"}"#, 2),
        (r#"{__name__=~"workflow_.+", source=""}"#, 0),
    ] {
        assert_eq!(asked_for(&db, text).len(), series, "{text}");
    }
    let sum = |name: &str| asked_for(&db, name)[0].values[0];
    assert_eq!(sum("agent_run_duration_ms_sum"), 1_000.0 * sum("agent_workflow_duration_seconds_sum"));
}

#[test]
fn names_and_values_are_those_of_all_series_under_every_name() {
    let (_dir, db) = scraped(&registry(), false);
    let one = |label: &str, value: &str| vec![vec![Matcher::equal(label, value)]];
    for sets in [
        Vec::new(),
        one(METRIC_NAME, "agent_workflow_completed_total"),
        one(METRIC_NAME, "agent_requests_total"),
        one("status", "failed"),
        one("job", "tawny"),
        one("cost_type", "total"),
    ] {
        let all = labels(&db, &sets, ALL, usize::MAX).unwrap();
        for asked in [None, Some(METRIC_NAME), Some("status"), Some(BUCKET), Some("agent_id"), Some("cost_type")] {
            let tell = |labels: &Labels, texts: &mut BTreeSet<String>| match asked {
                None => texts.extend(labels.iter().map(|label| label.name.to_string())),
                Some(name) => {
                    let values = labels.iter().filter(|label| *label.name == *name);
                    texts.extend(values.map(|label| label.value.to_string()));
                }
            };
            let (mut expected, mut found) = (BTreeSet::new(), BTreeSet::new());
            all.iter().for_each(|labels| tell(labels, &mut expected));
            let told = asked.map_or(Told::Names, |name| Told::Values(name.to_owned()));
            let mut take = |labels: &Labels| {
                tell(labels, &mut found);
                true
            };
            each_labels(&db, &sets, ALL, &told, &mut take).unwrap();
            assert_eq!(found, expected, "{sets:?}, {told:?}");
        }
    }
}

#[test]
fn what_others_send_stays_beside_it_and_what_was_kept_under_both_names_counts_once() {
    let (_dir, db) = scraped(&registry(), false);
    let derived = asked_for(&db, r#"agent_tokens_consumed_total{direction="input"}"#);
    assert_eq!(derived.len(), 1);
    let theirs = Labels::new([(METRIC_NAME, "agent_tokens_consumed_total"), ("direction", "input"), ("job", "shop")]);
    let writes = vec![Write::float(theirs.clone(), NOW, 7.0), Write::float(derived[0].labels.clone(), NOW - 1, 1.0)];
    db.write(Batch { writes, ..Batch::default() }, NOW).unwrap();
    let found = asked_for(&db, r#"agent_tokens_consumed_total{direction="input"}"#);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.contains(&derived[0]) && found.iter().any(|series| series.labels == theirs));
}

fn of_runs(part: &str, le: &str) -> Labels {
    let name = format!("agent_workflow_duration_seconds{part}");
    Labels::new([(METRIC_NAME, name.as_str()), (BUCKET, le), (SOURCE.0, SOURCE.1)])
}

fn exemplar(series: Labels) -> Exemplar {
    Exemplar { series, labels: Labels::new([("trace_id", "0a")]), value: 3.0, time: NOW }
}

#[test]
fn exemplars_are_found_under_every_name() {
    let (_dir, db) = empty();
    let series = of_runs("_bucket", "5");
    let writes = vec![Write::float(series.clone(), NOW, 1.0)];
    db.write(Batch { writes, exemplars: vec![exemplar(series)], ..Batch::default() }, NOW).unwrap();
    let sets = [vec![Matcher::equal(METRIC_NAME, "agent_run_duration_ms_bucket")]];
    let found = exemplars(&db, &[&sets[..], &sets[..]].concat(), ALL);
    assert_eq!(found.len(), 1, "asked for twice, told once");
    assert_eq!((found[0].value, found[0].series.get(BUCKET)), (3_000.0, "5000"));
}

#[test]
fn what_is_passed_on_has_every_name() {
    let stale = f64::from_bits(promql::STALE_NAN_BITS);
    let mut taken = Taken {
        samples: vec![
            (of_runs("_sum", ""), NOW, SampleValue::Float(2.5)),
            (of_runs("_sum", ""), NOW + 1, SampleValue::Float(stale)),
            (Labels::new([(METRIC_NAME, "agent_workflow_duration_seconds_sum")]), NOW, SampleValue::Float(1.0)),
        ],
        exemplars: vec![exemplar(of_runs("_bucket", "5"))],
        metadata: vec![("agent_workflow_duration_seconds".into(), Metadata::default())],
    };
    add_other_names(&mut taken);
    let in_ms: Vec<f64> = taken
        .samples
        .iter()
        .filter(|(labels, ..)| labels.metric_name() == "agent_run_duration_ms_sum")
        .map(|(.., value)| match value {
            SampleValue::Float(value) => *value,
            SampleValue::Histogram(_) => f64::NAN,
        })
        .collect();
    assert_eq!(in_ms[0], 2_500.0);
    assert!(in_ms.len() == 2 && is_stale(in_ms[1]), "{in_ms:?}");
    // Three other names of it; what somebody else sent has the name it has.
    assert_eq!((taken.samples.len(), taken.exemplars.len(), taken.metadata.len()), (3 + 2 * 3, 4, 4));
}
