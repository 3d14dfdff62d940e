//! Prometheus' text format, read: what a page of `/metrics` says, as samples.
//!
//! Sources: Prometheus' *Exposition formats* (text 0.0.4) and OpenMetrics 1.0 (exemplars, `# UNIT`, `# EOF`).

use std::collections::HashMap;
use std::sync::Arc;

use promql::{Labels, METRIC_NAME, STALE_NAN_BITS};

use crate::texts::Texts;
use crate::write::{Batch, Exemplar, Metadata, MetricType, Write};

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ParseError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: &'static str,
}

/// One page scraped again and again: knows which series there were the last time, and their exemplars. A page of 200,000 series
/// is little else than labels, so those of the last time are used again.
#[derive(Debug, Default)]
pub struct Scraper {
    last: HashMap<Labels, Option<Told>>,
    last_time: Option<i64>,
    texts: Texts,
}

/// What an exemplar said: the bits of its value, and when.
type Told = (u64, i64);

impl Scraper {
    /// The samples of a page scraped at `time` (milliseconds). Series carry `target`'s labels where they have none of the name. Series that are gone
    /// get the stale marker; counters that are new since the last scrape began with zero then. Exemplars are only those that are new.
    ///
    /// # Errors
    /// For a line that cannot be read; nothing of the page counts then.
    pub fn scrape(&mut self, page: &str, target: &[(&str, &str)], time: i64) -> Result<Batch, ParseError> {
        let mut batch = self.parse(page, target, time)?;
        let kinds: HashMap<&str, MetricType> =
            batch.metadata.iter().map(|(name, metadata)| (name.as_str(), metadata.kind)).collect();
        let counts = |labels: &Labels| {
            let name = labels.metric_name();
            let family = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            kinds
                .get(name)
                .or_else(|| kinds.get(family))
                .is_some_and(|kind| matches!(kind, MetricType::Counter | MetricType::Histogram | MetricType::Summary))
        };
        if let Some(before) = self.last_time {
            for write in &mut batch.writes {
                if !self.last.contains_key(&write.labels) && counts(&write.labels) {
                    write.start = Some(before);
                }
            }
        }
        let mut now: HashMap<Labels, Option<Told>> =
            batch.writes.iter().map(|write| (write.labels.clone(), None)).collect();
        batch.exemplars.retain(|exemplar| {
            let told = Some((exemplar.value.to_bits(), exemplar.time));
            if let Some(of) = now.get_mut(&exemplar.series) {
                *of = told;
            }
            self.last.get(&exemplar.series) != Some(&told)
        });
        let gone = self.last.keys().filter(|labels| !now.contains_key(labels)).cloned();
        batch.writes.extend(gone.map(|labels| Write::float(labels, time, f64::from_bits(STALE_NAN_BITS))));
        self.last = now;
        self.last_time = Some(time);
        self.texts.forget_unused();
        Ok(batch)
    }

    /// Reads a page. Samples without a time are of `time` (milliseconds).
    fn parse(&mut self, page: &str, target: &[(&str, &str)], time: i64) -> Result<Batch, ParseError> {
        let mut batch = Batch::default();
        let target: Vec<Pair> =
            target.iter().map(|(name, value)| (self.texts.of(name), self.texts.of(value))).collect();
        let mut families: HashMap<String, Metadata> = HashMap::new();
        for (number, line) in page.lines().enumerate() {
            let line = line.trim();
            let read = match line.strip_prefix('#') {
                Some(comment) => {
                    describe(comment.trim_start(), &mut families);
                    Ok(())
                }
                None if line.is_empty() => Ok(()),
                None => self.sample(line, &target, time, &mut batch),
            };
            read.map_err(|problem| ParseError { line: number + 1, problem })?;
        }
        // OpenMetrics names a counter's family without the suffix that its samples have, and ends with `# EOF`.
        let open_metrics = page.trim_end().ends_with("# EOF");
        let named = |(name, family): (String, Metadata)| {
            let bare = open_metrics && family.kind == MetricType::Counter && !name.ends_with("_total");
            (if bare { name + "_total" } else { name }, family)
        };
        let mut families: Vec<(String, Metadata)> = families.into_iter().map(named).collect();
        families.sort_by(|a, b| a.0.cmp(&b.0));
        batch.metadata = families;
        Ok(batch)
    }

    fn sample(&mut self, line: &str, target: &[Pair], time: i64, batch: &mut Batch) -> Result<(), &'static str> {
        let end = line.find(|c: char| c == '{' || c.is_whitespace()).ok_or("a sample has no value")?;
        let (name, mut rest) = line.split_at(end);
        let mut pairs = vec![(self.texts.of(METRIC_NAME), self.texts.of(name))];
        if rest.starts_with('{') {
            rest = labels(rest, &mut self.texts, &mut pairs)?;
        }
        let (number, exemplar) = match rest.split_once('#') {
            Some((number, exemplar)) => (number, Some(exemplar.trim())),
            None => (rest, None),
        };
        let mut parts = number.split_whitespace();
        let value = parse_value(parts.next().ok_or("a sample has no value")?)?;
        let at = match parts.next() {
            Some(text) => millis(text)?,
            None => time,
        };
        let own = target.iter().filter(|(name, _)| !pairs.iter().any(|(known, _)| known == name));
        let own: Vec<Pair> = own.cloned().collect();
        pairs.extend(own);
        let series = Labels::new(pairs);
        let series = self.last.get_key_value(&series).map_or(series, |(known, _)| known.clone());
        if let Some(exemplar) = exemplar {
            let mut pairs = Vec::new();
            let rest = labels(exemplar, &mut self.texts, &mut pairs)?;
            let mut parts = rest.split_whitespace();
            let value = parse_value(parts.next().ok_or("an exemplar has no value")?)?;
            let at = match parts.next() {
                Some(seconds) => (seconds.parse::<f64>().map_err(|_| "an exemplar's time is no number")? * 1e3) as i64,
                None => at,
            };
            batch.exemplars.push(Exemplar { series: series.clone(), labels: Labels::new(pairs), value, time: at });
        }
        batch.writes.push(Write::float(series, at, value));
        Ok(())
    }
}

/// A label's name and value.
type Pair = (Arc<str>, Arc<str>);

/// `HELP name text`, `TYPE name type`, `UNIT name unit`; other comments are comments.
fn describe(comment: &str, families: &mut HashMap<String, Metadata>) {
    let mut parts = comment.splitn(3, [' ', '\t']);
    let (Some(what), Some(name)) = (parts.next(), parts.next()) else { return };
    let rest = parts.next().unwrap_or_default().trim();
    if !["HELP", "TYPE", "UNIT"].contains(&what) {
        return;
    }
    let family = families.entry(name.to_owned()).or_default();
    match what {
        "HELP" => family.help = rest.replace("\\n", "\n").replace("\\\\", "\\"),
        "UNIT" => family.unit = rest.to_owned(),
        _ => family.kind = MetricType::ALL.into_iter().find(|kind| kind.as_str() == rest).unwrap_or_default(),
    }
}

/// `{name="value",…}` with escapes; gives what follows.
fn labels<'t>(text: &'t str, texts: &mut Texts, pairs: &mut Vec<Pair>) -> Result<&'t str, &'static str> {
    let mut rest = text.strip_prefix('{').ok_or("labels begin with {")?.trim_start();
    let mut value = String::new();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Ok(after);
        }
        let (name, after) = rest.split_once('=').ok_or("a label has no value")?;
        value.clear();
        let mut characters = after.trim_start().strip_prefix('"').ok_or("a label's value has no quotes")?.chars();
        loop {
            match characters.next().ok_or("a label's value does not end")? {
                '"' => break,
                '\\' => match characters.next() {
                    Some('n') => value.push('\n'),
                    Some(other) => value.push(other),
                    None => return Err("a label's value does not end"),
                },
                other => value.push(other),
            }
        }
        pairs.push((texts.of(name.trim()), texts.of(&value)));
        rest = characters.as_str().trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
}

fn parse_value(text: &str) -> Result<f64, &'static str> {
    match text {
        "+Inf" | "Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        "NaN" => Ok(f64::NAN),
        number => number.parse().map_err(|_| "a value is no number"),
    }
}

/// Milliseconds as the text format has them, or seconds with a fraction as OpenMetrics has.
fn millis(text: &str) -> Result<i64, &'static str> {
    match text.parse::<i64>() {
        Ok(millis) => Ok(millis),
        Err(_) => Ok((text.parse::<f64>().map_err(|_| "a sample's time is no number")? * 1e3) as i64),
    }
}

#[cfg(test)]
mod tests {
    use promql::is_stale;

    use super::*;
    use crate::write::SampleValue;

    const PAGE: &str = "# HELP a_total Things \\\\ done.\n# TYPE a_total counter\na_total{x=\"q\\\"\\n,}\",} 3 # {trace_id=\"ab\"} 0.5 1.5\n\
        # TYPE b gauge\nb +Inf\nb{job=\"own\"} 1e3 7000\n\n# EOF\n";

    fn value(write: &Write) -> f64 {
        let SampleValue::Float(value) = write.value else { panic!("a histogram") };
        value
    }

    #[test]
    fn a_page_is_read_with_types_escapes_times_and_exemplars() {
        let batch = Scraper::default().parse(PAGE, &[("job", "t")], 9).unwrap();
        let shown: Vec<String> =
            batch.writes.iter().map(|it| format!("{} {} {}", it.labels, value(it), it.time)).collect();
        assert_eq!(
            shown,
            [
                r#"{__name__="a_total", job="t", x="q\"\n,}"} 3 9"#,
                r#"{__name__="b", job="t"} inf 9"#,
                r#"{__name__="b", job="own"} 1000 7000"#
            ]
        );
        assert_eq!((batch.exemplars[0].labels.get("trace_id"), batch.exemplars[0].time), ("ab", 1500));
        assert_eq!(
            (batch.metadata[0].1.kind, batch.metadata[0].1.help.as_str()),
            (MetricType::Counter, "Things \\ done.")
        );
    }

    #[test]
    fn a_counter_of_openmetrics_goes_by_the_name_of_its_samples() {
        let batch = Scraper::default().parse("# TYPE a counter\na_total 1\n# EOF\n", &[], 1).unwrap();
        assert_eq!(batch.metadata[0].0, "a_total");
    }

    #[test]
    fn a_bad_line_is_named() {
        let refused = |page: &str| Scraper::default().scrape(page, &[], 0).unwrap_err().to_string();
        assert_eq!(refused("a 1\nb{x=\"y} 1"), "line 2: a label's value does not end");
        assert_eq!(refused("a one"), "line 1: a value is no number");
    }

    #[test]
    fn an_exemplar_is_told_once_however_often_it_is_on_the_page() {
        let mut scraper = Scraper::default();
        let mut told = |changed: usize, time| {
            let of = |series| {
                let seconds = if series == changed { 9 } else { 1 };
                format!("a_total{{x=\"{series}\"}} 1 # {{trace_id=\"ab\"}} 0.5 {seconds}\n")
            };
            // More of them than a database compares a new one with.
            let page: String = (0..2_000).map(of).collect();
            let exemplars = scraper.scrape(&page, &[], time).unwrap().exemplars;
            exemplars.iter().map(|it| (it.series.get("x").to_owned(), it.time)).collect::<Vec<_>>()
        };
        assert_eq!(told(usize::MAX, 1).len(), 2_000);
        assert_eq!(told(7, 2), [("7".to_owned(), 9_000)]);
        assert_eq!(told(7, 3), []);
    }

    #[test]
    fn series_that_go_are_stale_and_new_counters_began_with_zero() {
        let mut scraper = Scraper::default();
        let first = scraper.scrape("# TYPE a_total counter\na_total 5\n", &[], 1).unwrap();
        assert_eq!(first.writes[0].start, None, "how long it has counted is not known");
        let second = scraper.scrape("# TYPE b_total counter\nb_total 2\n# TYPE c gauge\nc 1\n", &[], 2).unwrap();
        let starts: Vec<Option<i64>> = second.writes.iter().map(|write| write.start).collect();
        assert_eq!(starts, [Some(1), None, None]);
        assert!(second.writes[2].labels.metric_name() == "a_total" && is_stale(value(&second.writes[2])));
    }
}
