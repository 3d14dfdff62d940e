//! What is printed of a set: detectors against failed runs, the order by suspicion, labelled categories and steps, baselines beside them.

use std::collections::{BTreeSet, HashMap};

use super::super::common::Table;
use super::labels::{Labels, failed};
use super::{Found, Judged};

/// Labelled categories with the detectors that are meant for them. Those that no detector is meant for are printed all the same.
const MEANT: &[(&str, &[&str])] = &[
    ("Resource Abuse", &["loop", "duplicate_call", "excessive_steps", "retry_storm"]),
    ("Tool Selection Errors", &["unknown_tool", "unusual_tool", "unusual_run"]),
    ("Tool Definition Issues", &["unknown_tool", "bad_arguments"]),
    ("Poor Information Retrieval", &["retrieval_miss", "ignored_result"]),
    ("Resource Not Found", &["retrieval_miss", "error_then_answer"]),
    ("Context Handling Failures", &["context_lost", "context_overflow", "near_overflow", "duplicate_call"]),
    ("Resource Exhaustion", &["context_overflow", "near_overflow", "step_cap"]),
    ("Tool-related", &["phantom_result", "ignored_result", "error_then_answer"]),
    ("Language-only", &["phantom_result", "ignored_result"]),
    ("Tool Output Misinterpretation", &["error_then_answer", "ignored_result"]),
    ("Timeout Issues", &["time_gap", "latency_outlier", "stuck"]),
    ("Service Errors", &["retry_storm", "error_then_answer"]),
    ("retrieval_miss", &["retrieval_miss"]),
    ("lookup_miss", &["retrieval_miss"]),
    ("invalid_action", &["unknown_tool", "bad_arguments"]),
    ("Invalid Invocation", &["bad_arguments", "unknown_tool", "error_then_answer"]),
    ("Misinterpretation of Tool Output", &["ignored_result", "error_then_answer"]),
    ("System Failure", &["retry_storm", "error_then_answer", "hidden_failure"]),
];
/// What columns of the labels say of a whole run, from which value on, with the detectors that are meant for it.
const OF_RUNS: &[(&str, f64, &[&str])] = &[
    ("longest_identical_streak", 3.0, &["loop", "retry_storm"]),
    ("repeat_calls", 1.0, &["duplicate_call", "loop", "retry_storm"]),
    ("hit_turn_limit", 1.0, &["step_cap", "excessive_steps"]),
    ("retrieval_misses", 1.0, &["retrieval_miss"]),
    ("tool_error_results", 4.0, &["retry_storm"]),
];
/// Steps within which a finding has found a labelled one.
const NEAR: usize = 3;

/// Prints everything of a set.
pub fn print(name: &str, runs: &[Judged], labels: &Labels) {
    let truth: Vec<Option<bool>> = runs.iter().map(|run| labels.runs.get(&run.id).and_then(failed)).collect();
    let count = |wanted: Option<bool>| truth.iter().filter(|it| **it == wanted).count();
    println!("{name}: {} failed, {} healthy, {} without a label", count(Some(true)), count(Some(false)), count(None));
    if count(Some(true)) > 0 && count(Some(false)) > 0 {
        against_failures(runs, &truth);
        suspicion(runs, &truth);
    }
    of_runs(runs, labels);
    if !labels.steps.is_empty() {
        categories(runs, labels);
        localisation(runs, labels);
    }
}

/// A share with its 95 % interval by Wilson.
pub fn share(hits: usize, of: usize) -> String {
    if of == 0 {
        return "-".into();
    }
    let (low, high) = wilson(hits, of);
    format!("{:.0}% [{:.0}, {:.0}] {hits}/{of}", hits as f64 * 100.0 / of as f64, low * 100.0, high * 100.0)
}

/// The 95 % interval of a share by Wilson; `of` is not 0.
fn wilson(hits: usize, of: usize) -> (f64, f64) {
    let (n, p, z) = (of as f64, hits as f64 / of as f64, 1.96f64);
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

/// The 95 % interval of what a count of rare events stands for, by Byar's approximation.
pub fn poisson(count: usize) -> (f64, f64) {
    let limit = |n: f64, z: f64| n * (1.0 - 1.0 / (9.0 * n) + z / (3.0 * n.sqrt())).powi(3);
    let n = count as f64;
    (if count == 0 { 0.0 } else { limit(n, -1.96).max(0.0) }, limit(n + 1.0, 1.96))
}

fn detectors(runs: &[Judged]) -> BTreeSet<&str> {
    runs.iter().flat_map(|run| &run.findings).map(|found| found.detector.as_str()).collect()
}

fn against_failures(runs: &[Judged], truth: &[Option<bool>]) {
    let failures = truth.iter().filter(|it| **it == Some(true)).count();
    let healthy = truth.iter().filter(|it| **it == Some(false)).count();
    let mut outputs: Vec<f64> = runs.iter().map(|run| run.output_tokens).collect();
    outputs.sort_by(f64::total_cmp);
    let p95 = outputs.get(outputs.len() * 95 / 100).copied().unwrap_or(f64::MAX);
    let mut table = Table::new(&["detector or = baseline", "fired", "precision", "recall", "per 1,000 healthy"]);
    let mut line = |name: &str, fired: &dyn Fn(&Judged) -> bool| {
        let of =
            |wanted: bool| runs.iter().zip(truth).filter(|(run, truth)| **truth == Some(wanted) && fired(run)).count();
        let (hit, wrong) = (of(true), of(false));
        if hit + wrong > 0 {
            let (low, high) = wilson(wrong, healthy);
            let per = format!("{:.0} [{:.0}, {:.0}]", wrong as f64 * 1e3 / healthy as f64, low * 1e3, high * 1e3);
            let cells = [name.to_owned(), (hit + wrong).to_string(), share(hit, hit + wrong), share(hit, failures)];
            table.row(cells.into_iter().chain([per]));
        }
    };
    line("= always", &|_| true);
    line("= the same call twice in a row", &|run| run.streak >= 2);
    line("= the same call three times in a row", &|run| run.streak >= 3);
    line("= any status of error", &|run| run.any_error);
    line("= output above its 95th percentile", &|run| run.output_tokens > p95);
    for name in detectors(runs) {
        line(name, &|run| run.findings.iter().any(|found| found.detector == name));
    }
    line("any finding", &|run| !run.findings.is_empty());
    line("any warning", &|run| run.findings.iter().any(|found| found.grave));
    println!("{table}");
    let all = |grave: bool| {
        let of_healthy = runs.iter().zip(truth).filter(|(_, truth)| **truth == Some(false));
        of_healthy.flat_map(|(run, _)| &run.findings).filter(|found| found.grave || !grave).count()
    };
    let per = |count: usize| {
        let ((low, high), each) = (poisson(count), 1e3 / healthy as f64);
        format!("{:.0} [{:.0}, {:.0}] ({count})", count as f64 * each, low * each, high * each)
    };
    println!("findings per 1,000 of {healthy} healthy runs: {}, of them warnings {}", per(all(false)), per(all(true)));
}

/// Runs in which no span says that something failed: whether those that failed come first.
fn suspicion(runs: &[Judged], truth: &[Option<bool>]) {
    let quiet = || runs.iter().zip(truth).filter(|(run, truth)| !run.any_error && truth.is_some());
    let by = |score: &dyn Fn(&Judged) -> f64| {
        quiet().map(|(run, truth)| (score(run), *truth == Some(true))).collect::<Vec<_>>()
    };
    let mut table = Table::new(&["failed without any error, by", "failed", "top 5 %", "top 10 %", "area"]);
    for (name, mut order) in [
        ("suspicion", by(&|run| run.suspicion.unwrap_or(0.0))),
        ("= length of the output", by(&|run| run.output_tokens)),
        ("= findings", by(&|run| run.findings.len() as f64)),
        ("= longest row of equal calls", by(&|run| run.streak as f64)),
        ("= any order (always fire)", by(&|_| 0.0)),
    ] {
        let failures = order.iter().filter(|(_, failed)| *failed).count();
        if failures == 0 || failures == order.len() {
            return;
        }
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let top = |part: f64| {
            let count = ((order.len() as f64 * part).ceil() as usize).max(1);
            share(first(&order, count).round() as usize, count)
        };
        let all = format!("{failures} of {}", order.len());
        table.row([name.to_owned(), all, top(0.05), top(0.1), area_with_interval(&order)]);
    }
    println!("{table}");
}

/// Failed runs among the first `count`, as many as are to be expected where the last of them are tied with runs behind them.
fn first(order: &[(f64, bool)], count: usize) -> f64 {
    let Some(&(last, _)) = order.get(count.wrapping_sub(1)) else { return 0.0 };
    let above = order.iter().take_while(|(score, _)| *score > last).count();
    let tied = order[above..].iter().take_while(|(score, _)| *score == last).count();
    let failed = |part: &[(f64, bool)]| part.iter().filter(|(_, failed)| *failed).count() as f64;
    let share = (count - above) as f64 / tied as f64;
    failed(&order[..above]) + failed(&order[above..above + tied]) * share
}

/// The area with its 95 % interval, by the standard error of Hanley and McNeil.
fn area_with_interval(order: &[(f64, bool)]) -> String {
    let a = area(order);
    let failed = order.iter().filter(|(_, failed)| *failed).count() as f64;
    let healthy = order.len() as f64 - failed;
    let (q1, q2) = (a / (2.0 - a), 2.0 * a * a / (1.0 + a));
    let spread = a * (1.0 - a) + (failed - 1.0) * (q1 - a * a) + (healthy - 1.0) * (q2 - a * a);
    let half = 1.96 * (spread.max(0.0) / (failed * healthy)).sqrt();
    format!("{a:.3} [{:.2}, {:.2}]", (a - half).max(0.0), (a + half).min(1.0))
}

/// The chance that a failed run is ranked above a healthy one, ties counted half. The order is descending.
fn area(order: &[(f64, bool)]) -> f64 {
    let (mut area, mut failed_before, mut at) = (0.0, 0.0, 0);
    while at < order.len() {
        let until = order[at..].iter().position(|(score, _)| *score != order[at].0).map_or(order.len(), |it| at + it);
        let failed = order[at..until].iter().filter(|(_, failed)| *failed).count() as f64;
        let healthy = (until - at) as f64 - failed;
        area += healthy * (failed_before + failed / 2.0);
        failed_before += failed;
        at = until;
    }
    area / (failed_before * (order.len() as f64 - failed_before))
}

/// What columns of the labels say of whole runs.
fn of_runs(runs: &[Judged], labels: &Labels) {
    let mut table = Table::new(&["runs with", "detector", "precision", "recall"]);
    let mut any = false;
    for (column, least, meant) in OF_RUNS {
        let says = |run: &Judged| {
            let value = labels.runs.get(&run.id)?.get(*column)?.parse::<f64>().ok()?;
            Some(value >= *least)
        };
        let known: Vec<(&Judged, bool)> = runs.iter().filter_map(|run| Some((run, says(run)?))).collect();
        if known.iter().any(|(_, has)| *has) {
            any = true;
            against(&mut table, &format!("{column} of {least} or more"), meant, &known);
        }
    }
    if any {
        println!("{table}");
    }
}

/// Labelled categories: in how many of their runs a detector speaks that is meant for them, and how many of those it speaks in have them.
fn categories(runs: &[Judged], labels: &Labels) {
    let labelled: BTreeSet<&str> = labels.steps.values().flat_map(|runs| runs.keys().map(String::as_str)).collect();
    let mut table = Table::new(&["category", "detector", "precision", "recall"]);
    for (category, of) in &labels.steps {
        let meant = MEANT.iter().find(|(name, _)| name == category).map_or(&[] as &[&str], |(_, meant)| *meant);
        let known = runs.iter().filter(|run| labelled.contains(run.id.as_str()));
        let known: Vec<(&Judged, bool)> = known.map(|run| (run, of.contains_key(&run.id))).collect();
        against(&mut table, category, meant, &known);
    }
    println!("{table}");
}

/// Rows of one category: each detector that is meant for it, all of them, any finding, and always.
fn against(table: &mut Table, category: &str, meant: &[&str], known: &[(&Judged, bool)]) {
    let there = known.iter().filter(|(_, has)| *has).count();
    let mut line = |name: &str, fired: &dyn Fn(&Judged) -> bool| {
        let hit = known.iter().filter(|(run, has)| *has && fired(run)).count();
        let all = known.iter().filter(|(run, _)| fired(run)).count();
        table.row([category.to_owned(), name.to_owned(), share(hit, all), share(hit, there)]);
    };
    let speaks = |run: &Judged, name: &str| run.findings.iter().any(|found| found.detector == name);
    for name in meant {
        line(name, &|run| speaks(run, name));
    }
    match meant.len() {
        0 => line("(none is meant for it)", &|_| false),
        1 => {}
        _ => line("any of these", &|run| meant.iter().any(|name| speaks(run, name))),
    }
    line("any finding", &|run| !run.findings.is_empty());
    line("= always", &|_| true);
}

/// Of the labelled steps, those with a finding at most three steps away; and of the runs.
fn localisation(runs: &[Judged], labels: &Labels) {
    let mut table =
        Table::new(&["category", "runs found within 3 steps", "steps found", "= first step", "= last step"]);
    let mut every: HashMap<String, Vec<String>> = HashMap::new();
    for (run, spans) in labels.steps.values().flatten() {
        every.entry(run.clone()).or_default().extend(spans.iter().cloned());
    }
    let any = "any of them".to_string();
    for (category, of) in labels.steps.iter().chain([(&any, &every)]) {
        let (mut hits, mut all) = ([0usize; 4], [0usize; 2]);
        for run in runs {
            let Some(spans) = of.get(&run.id) else { continue };
            let place = |span: &String| run.order.iter().position(|other| other == span);
            let places: Vec<usize> = spans.iter().filter_map(place).collect();
            let near =
                |at: usize, found: &Found| found.spans.iter().filter_map(place).any(|other| other.abs_diff(at) <= NEAR);
            let found = places.iter().filter(|at| run.findings.iter().any(|found| near(**at, found))).count();
            all[0] += 1;
            all[1] += places.len();
            hits[0] += usize::from(found > 0);
            hits[1] += found;
            // Naming the first or the last step of every run, whatever happened.
            hits[2] += usize::from(places.iter().any(|at| *at <= NEAR));
            hits[3] += usize::from(places.iter().any(|at| at + NEAR + 1 >= run.order.len()));
        }
        table.row([
            category.clone(),
            share(hits[0], all[0]),
            share(hits[1], all[1]),
            share(hits[2], all[0]),
            share(hits[3], all[0]),
        ]);
    }
    println!("{table}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_tables() {
        assert_eq!(share(6, 10), "60% [31, 83] 6/10");
        assert_eq!(share(0, 0), "-");
        let (low, high) = poisson(2);
        assert!((low - 0.24).abs() < 0.03 && (high - 7.22).abs() < 0.05, "{low} {high}");
        assert!((poisson(0).1 - 3.69).abs() < 0.1);
    }

    #[test]
    fn an_order_that_says_nothing_has_the_base_rate_on_top_and_half_of_the_area() {
        let tied: Vec<(f64, bool)> = (0..100).map(|at| (0.0, at < 40)).collect();
        assert_eq!(first(&tied, 10).round(), 4.0);
        assert_eq!(area_with_interval(&tied), "0.500 [0.38, 0.62]");
        let sorted: Vec<(f64, bool)> = (0..100).map(|at| (f64::from(100 - at), at < 40)).collect();
        assert_eq!((first(&sorted, 10), area(&sorted)), (10.0, 1.0));
    }
}
