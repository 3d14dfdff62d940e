//! A short run of the simulation, that a seed does the same again, and that the simulation can fail.

use std::collections::BTreeMap;

use simulation::{Plan, run};

/// Seeds of the short run; `cargo xtask sim` runs many more.
const SEEDS: std::ops::Range<u64> = 1..13;

#[test]
fn nothing_acknowledged_is_lost_doubled_or_changed_whatever_fails() {
    let (mut acknowledged, mut checks) = (0, 0);
    let mut happened: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in SEEDS {
        let report = run(&Plan { steps: 1_500, ..Plan::new(seed) }).unwrap_or_else(|failure| panic!("{failure}"));
        report.counts.iter().for_each(|(what, count)| *happened.entry(what).or_default() += count);
        acknowledged += report.sending[0].1;
        checks += report.checks;
    }
    println!("{happened:?}, {acknowledged} requests acknowledged, {checks} comparisons");
    let count = |what| happened.get(what).copied().unwrap_or_default();
    let crashes = count("kills") + count("power failures");
    assert!(crashes > 50 && acknowledged > 200 && checks > 100, "too little happened to show anything");
    for what in [
        "kills",
        "power failures",
        "torn writes",
        "failed writes",
        "failed syncs",
        "full disks",
        "slow operations",
        "clock jumps",
    ] {
        assert!(count(what) > 0, "{what}: none in these seeds; {happened:?}");
    }
}

#[test]
fn a_seed_does_the_same_again_step_by_step() {
    for seed in [3, 5] {
        let plan = Plan { steps: 1_500, ..Plan::new(seed) };
        let (first, second) = (run(&plan).unwrap(), run(&plan).unwrap());
        assert_eq!(first, second, "seed {seed}");
    }
    assert_ne!(run(&Plan::new(3)).unwrap().digest, run(&Plan::new(5)).unwrap().digest);
}

/// How many of some seeds end in a failure.
fn failures(change: impl Fn(Plan) -> Plan) -> usize {
    SEEDS.filter(|seed| run(&change(Plan { steps: 1_500, ..Plan::new(*seed) })).is_err()).count()
}

#[test]
fn an_answer_before_the_sync_is_found() {
    let found = failures(|plan| Plan { sync: store::Sync::Off, ..plan });
    assert!(found > 6, "only {found} seeds noticed");
}

#[test]
fn a_sync_that_is_left_out_is_found() {
    let found = failures(|plan| Plan { honest_disk: false, ..plan });
    assert!(found > 6, "only {found} seeds noticed");
}
