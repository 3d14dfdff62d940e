//! Our own scripts in Prometheus' test format: what its own ones, as far as we have them, leave out.

use std::path::Path;

#[test]
fn our_own_scripts_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let (mut passed, mut failures) = (0, String::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let report = promql::testscript::run(&std::fs::read_to_string(&path).unwrap());
        passed += report.passed;
        for failure in report.failed {
            failures += &format!("\n{}: {failure}", path.file_name().unwrap().display());
        }
    }
    assert!(failures.is_empty(), "{failures}");
    assert!(passed > 140, "only {passed} evaluations found");
}

#[test]
fn a_wrong_expectation_fails_and_says_where() {
    let report = promql::testscript::run(
        "load 1m\n  a 1 2\n\neval instant at 1m a\n  a 3\n\neval instant at 1m a\n  expect warn\n  a 2\n\neval instant at 1m b\n  b 1\n\n\
         eval_fail instant at 1m a\n\neval instant at 1m a\n  a 2\n  a{x=\"1\"} 2\n\neval range from 0 to 1m step 1m a\n  a 1 3\n\n\
         nonsense\n\nload 1m\n  a x\n\nignore\neval instant at 1m a\n  a 9\n\nresume\neval instant at 1m a\n  a 2\n",
    );
    let lines: Vec<usize> = report.failed.iter().map(|failure| failure.line).collect();
    assert_eq!(lines, [4, 7, 11, 14, 16, 20, 23, 25]);
    assert_eq!((report.passed, report.ignored), (1, 1));
    assert_eq!(report.failed[0].to_string(), "line 4: a\n    expected 3 for {__name__=\"a\"}, got 2");
}
