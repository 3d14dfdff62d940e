//! The packs: their rules are valid and tested, here and by a real promtool, and each alert has its page.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use alerts::packs::PACKS;
use alerts::{rules, unit};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(root().join("rules").join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn run_tests(path: &Path) -> Vec<unit::TestResult> {
    let file = unit::parse(&std::fs::read_to_string(path).unwrap())
        .unwrap_or_else(|problems| panic!("{}: {problems:?}", path.display()));
    let read =
        |name: &String| rules::parse(&std::fs::read_to_string(path.parent().unwrap().join(name)).unwrap()).unwrap();
    let rules: Vec<_> = file.rule_files.iter().map(read).collect();
    unit::run(&file, &rules, |_| true)
}

fn assert_passes(name: &str) {
    let results = run_tests(&root().join("rules/tests").join(name));
    assert!(!results.is_empty());
    for result in results {
        assert!(result.failures.is_empty(), "{name}: {}: {:?}", result.name, result.failures);
    }
}

#[test]
fn the_guides_rules_do_as_printed() {
    for name in ["seeds_a.yml", "seeds_c.yml", "seeds_d.yml", "seeds_e.yml"] {
        assert_passes(name);
    }
}

#[test]
fn the_watch_fires_and_is_quiet() {
    assert_passes("watch.yml");
}

#[test]
fn what_detectors_found_wakes_somebody() {
    assert_passes("findings.yml");
}

#[test]
fn the_watch_compares_with_days_before() {
    assert_passes("watch_days.yml");
}

#[test]
fn the_watch_knows_quiet_weekends() {
    assert_passes("watch_weeks.yml");
}

#[test]
fn money_fires_and_is_quiet() {
    assert_passes("costs.yml");
}

/// A file of `rules/` that no pack holds would be tested and never evaluated.
#[test]
fn every_rule_file_is_in_its_pack() {
    for pack in PACKS {
        let held: Vec<String> = pack.files.iter().map(|(name, _)| (*name).to_owned()).collect();
        let there: Vec<String> = files(pack.name)
            .iter()
            .map(|path| format!("{}/{}", pack.name, path.file_name().unwrap().to_str().unwrap()))
            .collect();
        assert_eq!(held, there);
    }
}

#[test]
fn the_checklist_fires_and_is_quiet() {
    assert_passes("checklist.yml");
}

#[test]
fn every_alert_of_a_pack_is_tested_firing_and_quiet() {
    let all: Vec<String> = files("tests").iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for pack in PACKS {
        // Packs share names: a test of the one shows nothing of the other.
        let own = format!("../{}/", pack.name);
        let tests: String = all.iter().filter(|test| test.contains(&own)).map(String::as_str).collect();
        for (name, text) in pack.files {
            for rule in
                rules::parse(text).unwrap().groups.iter().flat_map(|group| &group.rules).filter(|rule| rule.is_alert())
            {
                let expr = format!("- expr: ALERTS{{alertname=\"{}\",alertstate=\"firing\"}}", rule.name);
                let cases: Vec<&str> = tests.split(&expr).skip(1).collect();
                let quiet =
                    cases.iter().any(|case| case.lines().nth(2).is_some_and(|line| line.contains("exp_samples: []")));
                let fires =
                    cases.iter().any(|case| case.lines().nth(2).is_some_and(|line| line.trim() == "exp_samples:"));
                // Printed without a name and blind to what it is for: there is no series that makes it fire.
                let never = *name == "seeds/d.yml" && rule.name == "AgentToolSelectionDrift";
                assert!(
                    quiet && (fires || never),
                    "{name}: {} has no test that it fires, or none that it is quiet",
                    rule.name
                );
            }
        }
    }
}

#[test]
fn every_alert_that_is_meant_to_wake_somebody_has_a_page() {
    let mut named = BTreeSet::new();
    for pack in PACKS.iter().filter(|pack| pack.name != "seeds") {
        for (_, text) in pack.files {
            for rule in
                rules::parse(text).unwrap().groups.iter().flat_map(|group| &group.rules).filter(|rule| rule.is_alert())
            {
                assert_eq!(rule.annotation("runbook_url"), format!("{{{{ $externalURL }}}}/runbooks/{}", rule.name));
                let page = std::fs::read_to_string(root().join(format!("docs/runbooks/{}.md", rule.name)));
                let page = page.unwrap_or_else(|_| panic!("docs/runbooks/{}.md is missing", rule.name));
                for heading in ["## What it means", "## First look", "## Likely causes", "## What to do"] {
                    assert!(page.contains(heading), "docs/runbooks/{}.md lacks {heading:?}", rule.name);
                }
                assert_eq!(alerts::packs::runbook(&rule.name), Some(page.as_str()), "{} is not served", rule.name);
                named.insert(format!("{}.md", rule.name));
            }
        }
    }
    let pages = std::fs::read_dir(root().join("docs/runbooks"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let stray: Vec<String> = pages.filter(|page| page != "README.md" && !named.contains(page)).collect();
    assert!(stray.is_empty(), "pages of rules that are gone: {stray:?}");
}

#[test]
fn a_guide_pasted_as_printed_is_told_what_is_missing() {
    let text = std::fs::read_to_string(root().join("rules/seeds/d.yml")).unwrap().replace("    rules:\n", "");
    let problems = rules::parse(&text).unwrap_err();
    assert!(problems[0].message.contains("without a `rules:` line above it"), "{problems:?}");
}

#[test]
fn a_real_promtool_agrees() {
    let Ok(version) = Command::new("promtool").arg("--version").output() else {
        println!("skipped: promtool is not installed (Debian's package is `prometheus`)");
        return;
    };
    assert!(version.status.success());
    let all: Vec<PathBuf> = ["seeds", "watch", "checklist"].iter().flat_map(|folder| files(folder)).collect();
    for (command, files) in [("check", all), ("test", files("tests"))] {
        let output = Command::new("promtool").args([command, "rules"]).args(files).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "promtool {command} rules: {said}");
    }
}
