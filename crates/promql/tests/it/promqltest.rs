//! Prometheus' own test scripts, where they lie beside the repository.
//!
//! A ratchet: each file must pass at least as many evaluations as the table says.

use std::path::Path;

/// Evaluations each script passed when it was last looked at: all it has.
const PASSED: &[(&str, usize)] = &[
    ("aggregators.test", 160),
    ("at_modifier.test", 78),
    ("functions.test", 431),
    ("limit.test", 37),
    ("literals.test", 25),
    ("range_queries.test", 18),
    ("selectors.test", 31),
    ("trig_functions.test", 19),
];

#[test]
fn prometheus_own_scripts_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/promqltest");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: there is no ../shared/promqltest");
        return;
    };
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "test"));
    names.sort();
    let mut problems = Vec::new();
    for path in names {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let report = promql::testscript::run(&std::fs::read_to_string(&path).unwrap());
        println!("{name}: {} passed, {} failed, {} ignored", report.passed, report.failed.len(), report.ignored);
        report.failed.iter().for_each(|failure| println!("  {failure}"));
        let wanted = PASSED.iter().find(|(known, _)| *known == name).map_or(0, |&(_, passed)| passed);
        if report.passed < wanted {
            problems.push(format!("{name}: {} passed, {wanted} did before", report.passed));
        }
    }
    assert!(problems.is_empty(), "{problems:?}");
}
