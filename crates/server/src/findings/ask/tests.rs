//! Lists of issues: what is looked for in them, and in which order they come, page by page.

use state::State;

use super::*;
use crate::findings::PART;

const HOUR: i64 = 3_600_000_000_000;

/// Issues by fingerprint, detector, severity, agent, first and last hour, and findings.
fn with(issues: &[(&str, &str, &str, &str, i64, i64, i64)]) -> (tempfile::TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path(), &[PART]).unwrap();
    let insert = "INSERT INTO findings_issues
        (project, fingerprint, detector, severity, environment, agent, message, first_seen, last_seen, count, last_trace, state, changed)
        VALUES ('default', ?1, ?2, ?3, '', ?4, 'It said 5 % twice.', ?5, ?6, ?7, x'00', 'open', 0)";
    state
        .write(|tx| {
            issues.iter().try_for_each(|(fingerprint, detector, severity, agent, first, last, count)| {
                let (first, last) = (first * HOUR, last * HOUR);
                tx.execute(insert, params![fingerprint, detector, severity, agent, first, last, count]).map(drop)
            })
        })
        .unwrap();
    (dir, state)
}

/// Fingerprints of all pages, one issue on each.
fn listed(state: &State, key: IssueSortKey, descending: bool) -> Vec<String> {
    let sort = IssueSort { key, descending };
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let ask = |connection: &Connection| issues(connection, "default", &Filter::default(), sort, after.as_ref(), 1);
        let found = state.read(ask).unwrap();
        let Some(first) = found.first() else { break seen };
        seen.push(first.fingerprint.clone());
        after = Some(AfterIssue::of(sort, first));
    }
}

#[test]
fn issues_come_in_the_order_that_is_asked_for() {
    let (_dir, state) = with(&[
        ("a", "loop", "warning", "desk", 1, 9, 3),
        ("b", "tool_error", "critical", "desk", 2, 4, 3),
        ("c", "drift", "info", "night", 3, 5, 40),
        ("d", "loop", "critical", "night", 0, 8, 1),
    ]);
    assert_eq!(listed(&state, IssueSortKey::LastSeen, true), ["a", "d", "c", "b"]);
    assert_eq!(listed(&state, IssueSortKey::LastSeen, false), ["b", "c", "d", "a"]);
    assert_eq!(listed(&state, IssueSortKey::FirstSeen, true), ["c", "b", "a", "d"]);
    // Those seen equally often, or equally grave: last seen first.
    assert_eq!(listed(&state, IssueSortKey::Count, true), ["c", "a", "b", "d"]);
    assert_eq!(listed(&state, IssueSortKey::Severity, true), ["d", "b", "a", "c"]);
}

#[test]
fn an_issue_is_found_by_its_name_and_by_what_it_says() {
    let (_dir, state) = with(&[("a", "loop", "info", "Desk", 1, 1, 1), ("b", "tool_error", "info", "night", 1, 2, 1)]);
    let found = |text: &str| {
        let filter = Filter { text: Some(text.into()), ..Filter::default() };
        let ask = |connection: &Connection| issues(connection, "default", &filter, IssueSort::default(), None, 10);
        let found = state.read(ask).unwrap();
        found.into_iter().map(|issue| issue.fingerprint).collect::<Vec<_>>()
    };
    assert_eq!(found("Tool error in NIGHT"), ["b"]);
    assert_eq!(found("tool_error"), ["b"]);
    assert_eq!(found("in desk"), ["a"]);
    assert_eq!(found("5 % TWICE"), ["b", "a"]);
    assert_eq!(found("5_%"), Vec::<String>::new());
}
