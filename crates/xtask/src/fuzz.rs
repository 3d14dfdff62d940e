//! `cargo xtask fuzz`: the tests that change requests, for as long as somebody wants, each round with other changes.
//!
//! They need no nightly toolchain and no sanitizer, which safe code does not need to find a panic. What is found is written where the
//! test keeps its regressions, and tried first from then on. Targets guided by coverage are in `fuzz/`.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use crate::shell;

/// Inputs of one round; after each it is looked at the clock.
const ROUND: u32 = 20_000;

/// Options of `cargo xtask fuzz`.
#[derive(Debug, Args)]
pub struct Options {
    /// How long.
    #[arg(long, default_value_t = 5)]
    minutes: u64,
}

/// Tests that change requests: package, test binary, and its module where it has several.
const TESTS: &[(&str, &str, Option<&str>)] = &[
    ("wire", "it", Some("changed")),
    ("receivers", "it", Some("properties")),
    ("dialects", "no_panic", None),
    ("promql", "it", Some("properties")),
    ("policy", "it", Some("properties")),
];

/// Runs rounds until the time is over.
#[allow(clippy::disallowed_methods, reason = "a command of the repository asks the real clock how long it has worked")]
pub fn run(options: &Options) -> Result<()> {
    let (begun, most) = (Instant::now(), Duration::from_secs(options.minutes * 60));
    for round in 1u32.. {
        for (package, binary, module) in TESTS {
            let mut command = shell::cargo(&["test", "--release", "--quiet", "--package", package, "--test", binary]);
            command.args(module.map(|module| format!("{module}::")));
            command.env("TAWNY_FUZZ_CASES", ROUND.to_string()).env("PROPTEST_CASES", ROUND.to_string());
            shell::run(&mut command)?;
            if begun.elapsed() >= most {
                println!("{round} rounds of {ROUND} inputs a test: no panic");
                return Ok(());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths;

    #[test]
    fn what_is_run_is_there() {
        for (package, binary, module) in TESTS {
            let folder = paths::root().join("crates").join(package).join("tests");
            let read = |path: String| std::fs::read_to_string(folder.join(path)).unwrap_or_default();
            let code = match module {
                Some(module) => {
                    let main = read(format!("{binary}/main.rs"));
                    assert!(main.contains(&format!("mod {module};")), "{package}: {module} is in no test binary");
                    read(format!("{binary}/{module}.rs"))
                }
                None => read(format!("{binary}.rs")),
            };
            assert!(code.contains("proptest!"), "{package}: {binary} {module:?} tries no properties");
        }
    }
}
