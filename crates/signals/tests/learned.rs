//! What is said of a run because of other runs of its kind: beyond the usual, in an unusual order; and of a run that goes on.

#[allow(dead_code, reason = "shared with the tests of the detectors")]
#[path = "detectors/script.rs"]
mod script;

use model::{Finding, Severity};
use script::Script;
use serde_json::json;
use signals::detect::{Beside, Night};

/// What is usual: so many runs of `each`.
fn after(runs: u8, each: impl Fn(&mut Script)) -> Night {
    let mut night = Night::default();
    for number in 1..=runs {
        let mut script = Script::of(number, "helper");
        each(&mut script);
        let verdict = script.shown_to(&mut night, Beside::default());
        assert!(verdict.findings.iter().all(|it| it.severity < Severity::Warning), "{:#?}", verdict.findings);
    }
    night
}

/// What `detector` says of one more run.
fn said(night: &mut Night, detector: &str, run: impl Fn(&mut Script)) -> Option<Finding> {
    let mut script = Script::of(255, "helper");
    run(&mut script);
    let verdict = script.shown_to(night, Beside::default());
    verdict.findings.into_iter().find(|finding| finding.detector == detector)
}

fn call(script: &mut Script, tool: &str) {
    script.tool(tool, json!({"of": tool}), json!({"told": format!("what {tool} knows about the matter")}));
}

fn tokens(script: &mut Script, input: u64) {
    script.says("It is on its way.");
    script.last_llm(|span| {
        span.usage.input_tokens = Some(input);
        span.usage.output_tokens = Some(20);
    });
}

#[test]
fn a_run_of_many_times_the_usual_tokens_is_an_outlier() {
    let usual = || after(60, |script| tokens(script, 2_000));
    let found = said(&mut usual(), "cost_outlier", |script| tokens(script, 60_000)).unwrap();
    assert_eq!((found.severity, found.evidence["feature"].as_str()), (Severity::Critical, Some("input_tokens")));
    assert_eq!(found.span_ids, [script::span_id(1)]);
    assert_eq!(said(&mut usual(), "cost_outlier", |script| tokens(script, 3_000)), None);
    // Before enough is known nothing is an outlier.
    assert_eq!(said(&mut after(10, |script| tokens(script, 2_000)), "cost_outlier", |it| tokens(it, 60_000)), None);
}

#[test]
fn small_runs_beyond_the_usual_are_worth_knowing() {
    // One and a half times the 95th percentile of calls, three times the median of tokens: however small the run.
    let calls = |count: usize| move |script: &mut Script| (0..count).for_each(|at| script.says(&format!("step {at}")));
    let found = said(&mut after(60, calls(2)), "excessive_steps", calls(6)).unwrap();
    assert_eq!((found.severity, found.evidence["rounds"].as_u64()), (Severity::Info, Some(6)));
    assert_eq!(said(&mut after(60, calls(1)), "excessive_steps", calls(2)), None);
    assert_eq!(said(&mut after(60, calls(4)), "excessive_steps", calls(12)).unwrap().severity, Severity::Warning);
    let found =
        said(&mut after(60, |script| tokens(script, 200)), "cost_outlier", |script| tokens(script, 900)).unwrap();
    assert_eq!((found.severity, found.evidence["feature"].as_str()), (Severity::Info, Some("input_tokens")));
}

#[test]
fn a_tool_that_takes_many_times_as_long_is_named() {
    let quick = |script: &mut Script| {
        call(script, "look_up");
        script.says("It is on its way.");
    };
    let slow = |script: &mut Script| {
        call(script, "look_up");
        script.takes_seconds(15);
        script.says("It is on its way.");
    };
    let found = said(&mut after(60, quick), "latency_outlier", slow).unwrap();
    assert_eq!((found.severity, found.evidence["tool"].as_str()), (Severity::Warning, Some("look_up")));
    assert_eq!(found.span_ids, [script::span_id(1)]);
    assert_eq!(said(&mut after(60, quick), "latency_outlier", quick), None);
}

#[test]
fn a_tool_that_good_runs_do_not_use_is_grave_where_it_changes_something() {
    let usual = || after(220, |script| call(script, "look_up"));
    let with = |tool: &'static str| move |script: &mut Script| call(script, tool);
    let found = said(&mut usual(), "unusual_tool", with("delete_account")).unwrap();
    assert_eq!((found.severity, found.evidence["tool"].as_str()), (Severity::Warning, Some("delete_account")));
    assert_eq!(said(&mut usual(), "unusual_tool", with("read_manual")).unwrap().severity, Severity::Info);
    assert_eq!(said(&mut usual(), "unusual_tool", with("look_up")), None);
}

#[test]
fn arguments_that_depart_from_all_earlier_ones_are_told_and_are_grave_where_the_call_failed() {
    let visit = |arguments: serde_json::Value| {
        move |script: &mut Script| script.tool("plan", arguments.clone(), json!({"at": 9}))
    };
    let usual = || after(60, visit(json!({"day": "2026-01-01", "who": "Ana"})));
    let said = |run: &dyn Fn(&mut Script)| said(&mut usual(), "bad_arguments", run);
    let renamed = said(&visit(json!({"day": "2026-01-01", "person": "Ana"}))).unwrap();
    assert_eq!((renamed.severity, &renamed.span_ids[..]), (Severity::Info, &[script::span_id(1)][..]));
    assert!(renamed.message.contains("`person` is new"), "{}", renamed.message);
    assert!(said(&visit(json!({"day": "01/02/2026", "who": "Ana"}))).unwrap().message.contains("date d/m/y"));
    assert!(said(&visit(json!({"day": "2026-01-01"}))).unwrap().message.contains("`who` is missing"));
    assert_eq!(said(&visit(json!({"day": "2026-03-09", "who": "Bo Li"}))), None);
    let broken =
        said(&|script| script.failing_tool("plan", json!({"day": "2026-01-01", "person": "Ana"}), "bad request"));
    assert_eq!(broken.unwrap().severity, Severity::Warning);
}

#[test]
fn the_same_tools_in_another_order_are_a_change_of_what_follows_what() {
    let in_order = |script: &mut Script, tools: &[&str]| {
        tools.iter().for_each(|tool| call(script, tool));
        script.says("It is on its way.");
    };
    let mut night = after(60, |script| in_order(script, &["find", "check", "pay"]));
    let found = (61..=100).find_map(|number| {
        let mut script = Script::of(number, "helper");
        in_order(&mut script, &["find", "pay", "check"]);
        let verdict = script.shown_to(&mut night, Beside::default());
        verdict.findings.into_iter().find(|finding| finding.detector == "drift")
    });
    let found = found.unwrap();
    assert!(found.evidence["dimension"].as_str().unwrap().starts_with("next:"), "{found:?}");
    assert!(found.message.contains("what follows `") && found.message.contains("instead"), "{}", found.message);
    // A tool that pays is among what follows: with it the change may wake somebody.
    assert_eq!(found.severity, Severity::Critical, "{}", found.message);
}

#[test]
fn telemetry_that_no_longer_tells_tokens_is_a_change_of_what_is_told() {
    let mut night = after(60, |script| tokens(script, 2_000));
    let shift = (61..=90).find_map(|number| {
        let mut script = Script::of(number, "helper");
        script.says("It is on its way.");
        script.shown_to(&mut night, Beside::default()).shift
    });
    let shift = shift.unwrap();
    assert_eq!((&*shift.feature, &*shift.what, shift.after), ("told", "content without tokens", 1.0), "{shift:?}");
}

#[test]
fn answers_in_other_words_are_a_change_of_vocabulary_worth_knowing() {
    let mut night = Night::default();
    let one =
        ["order", "parcel", "warehouse", "courier", "address", "refund", "invoice", "customer", "delivery", "morning"];
    let other = ["patient", "doctor", "ward", "nurse", "fever", "tablet", "blood", "surgery", "ambulance", "relief"];
    let said = |night: &mut Night, number: u16, of: &[&str]| {
        let mut script = Script::of((number % 250) as u8 + 1, "helper");
        // Nine of the ten words, in an order of their own, so that no two answers are alike.
        let words: Vec<&str> = (0..9).map(|at| of[(usize::from(number) * 3 + at * 7) % 10]).collect();
        script.says(&format!("It is about {} today.", words.join(" and ")));
        let verdict = script.shown_to(night, Beside::default());
        verdict.findings.into_iter().find(|it| it.evidence.get("dimension") == Some(&json!("vocabulary")))
    };
    assert!((0..160).all(|number| said(&mut night, number, &one).is_none()));
    let found = (160..200).find_map(|number| said(&mut night, number, &other)).unwrap();
    assert_eq!(found.severity, Severity::Info, "{found:#?}");
    assert!(found.evidence["after"].as_f64() > found.evidence["before"].as_f64());
}

#[test]
fn tools_in_an_order_that_good_runs_do_not_have_are_shown() {
    let order =
        |tools: &'static [&'static str]| move |script: &mut Script| tools.iter().for_each(|tool| call(script, tool));
    let usual = || after(150, order(&["find", "read", "compare"]));
    let found = said(&mut usual(), "unusual_run", order(&["compare", "find", "compare", "read", "find"])).unwrap();
    assert_eq!(found.severity, Severity::Info);
    assert_eq!(said(&mut usual(), "unusual_run", order(&["find", "read", "compare"])), None);
}

#[test]
fn once_enough_runs_are_marked_as_good_runs_are_compared_with_those() {
    let times = |count: usize| move |script: &mut Script| (0..count).for_each(|at| call(script, &format!("step_{at}")));
    let long = |night: &mut Night| said(night, "excessive_steps", times(14));
    // Most runs take fourteen calls, so that is usual.
    let mut night = after(100, times(14));
    assert_eq!(long(&mut night), None);
    for number in 101..=140 {
        let mut script = Script::of(number, "helper");
        times(4)(&mut script);
        script.shown_to(&mut night, Beside::default());
        script.shown_to(&mut night, Beside { again: true, marked: Some(true) });
    }
    assert!(long(&mut night).unwrap().message.contains("14 tool calls"));
}

#[test]
fn what_is_usual_at_an_hour_is_held_against_that_hour() {
    let mut night = Night::default();
    let at = |day: u8, hour: u8, number: u8, input: u64| {
        let mut script = Script::of(number, "helper");
        script.begins_after_hours(i64::from(day) * 24 + i64::from(hour));
        tokens(&mut script, input);
        script
    };
    // At night each run takes in ten times as much; 240 of each.
    for day in 0..4 {
        for number in 1..=60 {
            at(day, 0, number, 20_000).shown_to(&mut night, Beside::default());
            at(day, 12, number + 60, 2_000).shown_to(&mut night, Beside::default());
        }
    }
    let mut outlier = |hour| {
        let verdict = at(5, hour, 200, 22_000).shown_to(&mut night, Beside { again: true, marked: None });
        verdict.findings.iter().any(|finding| finding.detector == "cost_outlier")
    };
    assert_eq!((outlier(0), outlier(12)), (false, true));
}

#[test]
fn what_no_later_step_undoes_is_told_while_the_run_goes_on_and_stays_one_finding() {
    let mut night = Night::default();
    let with = |calls: usize, open: bool| {
        let mut script = Script::of(9, "helper");
        (0..calls).for_each(|_| script.tool("look_up", json!({"order": "A1"}), json!({"state": "packed"})));
        script.failing_tool("pay", json!({}), "503");
        script.says("All is paid and done, have a lovely day.");
        if open {
            script.never_ends();
            script.look_after_seconds(5);
        }
        script
    };
    let early = with(3, true).looked_at_by(&mut night);
    let names: Vec<&str> = early.iter().map(|finding| finding.detector.as_str()).collect();
    // That the failure is hidden is only certain when the run has ended.
    assert_eq!(names, ["loop"]);
    let later = with(8, true).looked_at_by(&mut night);
    let end = with(12, false).shown_to(&mut night, Beside::default()).findings;
    let looped = end.iter().find(|finding| finding.detector == "loop").unwrap();
    assert_eq!((&early[0].id, &later[0].id), (&looped.id, &looped.id));
    assert!(end.iter().any(|finding| finding.detector == "error_then_answer"), "{end:#?}");
}

#[test]
fn an_agent_that_is_heard_of_no_more_is_one_finding_however_often_it_is_asked_for() {
    let mut night = Night::default();
    let mut last = None;
    for number in 1..=100 {
        let mut script = Script::of(number, "helper");
        script.begins_after_hours(i64::from(number));
        script.says("It is on its way.");
        let run = script.resolved().run;
        night.heard_of(&run);
        last = Some(run);
    }
    let last = last.unwrap();
    let after = |hours: i64| last.end.plus_nanos(hours * 3_600_000_000_000);
    let silent = |hours: i64| night.silent(after(hours), last.start);
    assert_eq!(silent(3), []);
    let (one, other) = (silent(30), silent(40));
    assert_eq!((one.len(), one[0].agent.as_str(), one[0].trace_id), (1, "helper", last.trace_id));
    assert_eq!(one[0].finding().id, other[0].finding().id);
    assert!(one[0].finding().message.contains("nothing was heard of helper"), "{}", one[0].finding().message);
}

#[test]
fn kinds_of_which_nothing_is_heard_any_more_make_room_for_others() {
    let mut night = Night::default();
    let shown = |night: &mut Night, agent: &str, hours: i64| {
        let mut script = Script::of(1, agent);
        script.begins_after_hours(hours);
        script.says("It is on its way.");
        night.heard_of(&script.resolved().run);
        script.shown_to(night, Beside::default());
        (night.watches.keys().any(|kind| kind.contains(agent)), night.pulses.keys().any(|it| it.contains(agent)))
    };
    for number in 0..256 {
        assert_eq!(shown(&mut night, &format!("agent-{number}-"), 0), (true, true));
    }
    // All were heard of just now.
    assert_eq!(shown(&mut night, "newcomer", 0), (false, false));
    assert_eq!(shown(&mut night, "latecomer", 3), (true, true));
    assert_eq!((night.watches.len(), night.gone.watches.len(), night.gone.pulses.len()), (256, 1, 1));
}

#[test]
fn an_agent_that_is_released_often_has_the_usual_of_its_newest_versions() {
    let mut night = Night::default();
    for version in 0..20u8 {
        for number in 1..=31 {
            let mut script = Script::of(number, "helper");
            script.begins_after_hours(i64::from(version) * 200);
            script.version(&format!("1.{version}"));
            (0..=version).for_each(|at| script.says(&format!("step {at}")));
            script.shown_to(&mut night, Beside::default());
        }
    }
    let kind = night.baselines.iter().map(|(kind, _, _)| kind.to_owned()).next().unwrap();
    let usual = night.baselines.of(&kind, "1.19").unwrap().quantile("rounds", 0.5).unwrap();
    assert!(usual > 19.0, "of version 1.19 as of no other: {usual}");
    assert!(night.baselines.iter().count() <= 8 && !night.baselines.take_gone().is_empty());
}

#[test]
fn answers_that_mean_something_else_are_drift_where_vectors_of_them_are_known() {
    let mut night = Night::default();
    let run = |number: u8| Script::of(number, "helper").resolved().run;
    let mut noise = 1u32;
    let mut vector = |about: [f32; 3]| {
        about.map(|value| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            value + (noise >> 16) as f32 / 65_536.0 * 0.1
        })
    };
    for number in 0..200 {
        assert_eq!(night.meant(&run(number % 250 + 1), &vector([1.0, 0.2, 0.0])), None, "run {number}");
    }
    // Nothing that could not be a vector does harm.
    for nonsense in [&[][..], &[f32::NAN, 0.0, 0.0], &[0.0; 3], &[1.0; 7]] {
        assert_eq!(night.meant(&run(1), nonsense), None);
    }
    let found = (1..=60).find_map(|number| night.meant(&run(number), &vector([0.2, 1.0, 0.4]))).unwrap();
    assert_eq!((found.detector.as_str(), found.evidence["dimension"].as_str()), ("drift", Some("meaning")));
    assert!(found.message.contains("what answers mean changed"), "{}", found.message);
}
