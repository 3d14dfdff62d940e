//! What the page that explains a run says.

#[allow(dead_code, reason = "shared with the tests of the detectors")]
#[path = "detectors/script.rs"]
mod script;

use script::Script;
use serde_json::json;
use signals::detect::{Beside, Night};

fn call(script: &mut Script, tool: &str) {
    script.tool(tool, json!({"of": tool}), json!({"told": format!("what {tool} knows")}));
}

/// What is known after sixty runs that find, read and compare.
fn usual() -> Night {
    let mut night = Night::default();
    for number in 1..=60 {
        let mut script = Script::of(number, "helper");
        ["find", "read", "compare"].iter().for_each(|tool| call(&mut script, tool));
        script.says("They are alike.");
        script.shown_to(&mut night, Beside::default());
    }
    night
}

#[test]
fn attempts_are_those_of_the_failure_and_a_result_that_says_so_is_one() {
    let mut script = Script::agent("helper");
    call(&mut script, "read");
    call(&mut script, "read");
    script.failing_tool("read", json!({"of": 1}), "503");
    script.failing_tool("read", json!({"of": 1}), "504");
    call(&mut script, "read");
    call(&mut script, "read");
    script.tool("write_note", json!({"text": "x"}), json!("Error: the disk is full"));
    script.says("It is written down.");
    let page = script.investigated(&Night::default());
    let read = page.failed.iter().find(|step| step.step == "tool read").unwrap();
    assert_eq!((read.attempts, read.recovered, read.error.as_deref()), (3, true, Some("504")));
    let note = page.failed.iter().find(|step| step.step == "tool write_note").unwrap();
    assert_eq!((note.attempts, note.recovered, note.error.as_deref()), (1, false, Some("Error: the disk is full")));
}

#[test]
fn the_first_departure_is_another_tool_a_slow_one_or_an_early_end() {
    let night = usual();
    let departure = |run: &dyn Fn(&mut Script)| {
        let mut script = Script::of(99, "helper");
        run(&mut script);
        script.investigated(&night).departure
    };
    let all = |script: &mut Script| ["find", "read", "compare"].iter().for_each(|tool| call(script, tool));
    assert_eq!(departure(&all), None);
    let (span, words) =
        departure(&|script| ["find", "delete_all", "compare"].iter().for_each(|tool| call(script, tool))).unwrap();
    assert_eq!(span, script::span_id(2));
    assert!(words.contains("`delete_all` after `find`"), "{words}");
    let slow = |script: &mut Script| {
        call(script, "find");
        call(script, "read");
        script.takes_seconds(30);
        call(script, "compare");
    };
    let (span, words) = departure(&slow).unwrap();
    assert!(span == script::span_id(2) && words.contains("`read` took"), "{words}");
    let cut = |script: &mut Script| {
        all(script);
        script.says("They are al");
        script.last_llm(|span| span.finish_reason = Some("length".into()));
    };
    let (span, words) = departure(&cut).unwrap();
    assert!(span == script::span_id(4) && words.contains("stopped for `length`"), "{words}");
    let early = |script: &mut Script| {
        call(script, "find");
        script.says("Nothing was found.");
    };
    let (span, words) = departure(&early).unwrap();
    assert!(span == script::span_id(1) && words.contains("it ended after `find`"), "{words}");
}

#[test]
fn the_page_counts_in_whole_numbers_and_shows_what_tools_were_asked_for() {
    let mut script = Script::of(99, "helper");
    script.asks("find", json!({"of": "find"}));
    call(&mut script, "find");
    script.says("It is found.");
    let page = script.investigated(&usual());
    let usual_calls = page.beside.iter().find(|it| it.feature == "tool_calls").unwrap();
    assert_eq!((usual_calls.value, usual_calls.median), (1.0, Some(3.0)));
    let text = page.text();
    assert!(text.contains("assistant: find({\"of\":\"find\"})"), "{text}");
    assert!(text.contains("median 3, p95 3"), "{text}");
}
