//! Sections with times, and what came of each.

use std::time::{Duration, Instant};

use anyhow::Result;

/// What came of a section.
#[derive(Debug)]
enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

/// Runs sections one after another, goes on after a failure, and sums up.
#[derive(Debug, Default)]
pub struct Report {
    sections: Vec<(&'static str, Outcome, Duration)>,
}

/// Why a section did not pass.
#[derive(Debug)]
pub enum Stop {
    /// Something is wrong.
    Failed(anyhow::Error),
    /// It cannot run here, for this reason.
    Skipped(String),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl Report {
    /// Runs one section.
    pub fn section(&mut self, name: &'static str, work: impl FnOnce() -> Result<(), Stop>) {
        println!("\n=== {name}");
        // This is a program's edge: nothing to inject a clock into.
        #[allow(clippy::disallowed_methods)]
        let begun = Instant::now();
        let outcome = match work() {
            Ok(()) => Outcome::Passed,
            Err(Stop::Failed(error)) => Outcome::Failed(format!("{error:#}")),
            Err(Stop::Skipped(why)) => Outcome::Skipped(why),
        };
        #[allow(clippy::disallowed_methods)]
        let took = begun.elapsed();
        println!("--- {name}: {} ({:.1} s)", words(&outcome), took.as_secs_f64());
        self.sections.push((name, outcome, took));
    }

    /// Notes a section that was not asked for.
    pub fn leave_out(&mut self, name: &'static str, why: &str) {
        self.sections.push((name, Outcome::Skipped(why.to_string()), Duration::ZERO));
    }

    /// Prints the table; an error when something failed.
    pub fn finish(self) -> Result<()> {
        println!("\n=== summary");
        for (name, outcome, took) in &self.sections {
            println!("{name:<14} {:>7.1} s  {}", took.as_secs_f64(), words(outcome));
        }
        let count = |wanted: fn(&Outcome) -> bool| self.sections.iter().filter(|(_, it, _)| wanted(it)).count();
        let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
        let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
        let passed = self.sections.len() - failed - skipped;
        println!("sections: {passed} passed, {failed} failed, {skipped} skipped");
        if failed > 0 { Err(anyhow::anyhow!("{failed} of {} sections failed", self.sections.len())) } else { Ok(()) }
    }
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed => "passed".into(),
        Outcome::Failed(why) => format!("FAILED: {why}"),
        Outcome::Skipped(why) => format!("skipped: {why}"),
    }
}
