//! Every detector: a run in which it speaks, and one like it in which it must not.

#[allow(dead_code, reason = "shared with the tests of what is learned")]
#[path = "detectors/script.rs"]
mod script;

use model::{RunStatus, Severity, SpanStatus};
use script::Script;
use serde_json::json;
use signals::detect::{ALL, Settings};

/// Asserts that `detector` speaks in `script`, as grave as that, and names the span `s<number>` first.
#[track_caller]
fn speaks(script: &Script, detector: &str, severity: Severity, span: usize) {
    let findings = script.judge(&Settings::default());
    let found: Vec<_> = findings.iter().filter(|finding| finding.detector == detector).collect();
    assert!(!found.is_empty(), "{detector} is silent; others: {findings:#?}");
    assert_eq!(found[0].severity, severity, "{found:#?}");
    assert_eq!(found[0].span_ids.first().copied(), Some(script::span_id(span)), "{found:#?}");
    assert!(!found[0].message.is_empty() && !found[0].fingerprint.is_empty());
}

#[track_caller]
fn silent(script: &Script, detector: &str) {
    assert!(ALL.iter().any(|it| it.name == detector), "no detector {detector}");
    let findings = script.judge(&Settings::default());
    assert!(findings.iter().all(|finding| finding.detector != detector), "{findings:#?}");
}

fn agent() -> Script {
    Script::agent("helper")
}

#[test]
fn a_loop_of_calls_without_arguments_says_so() {
    let mut bare = agent();
    (0..3).for_each(|_| bare.bare_tool("refresh"));
    let findings = bare.judge(&Settings::default());
    let found = findings.iter().find(|finding| finding.detector == "loop").unwrap();
    assert!(found.message.ends_with("with no arguments that are known"), "{}", found.message);
}

#[test]
fn a_loop_is_the_same_call_with_the_same_result_and_not_polling() {
    let mut circles = agent();
    (0..3).for_each(|_| circles.tool("look_up", json!({"order": "A 1"}), json!({"state": "packed"})));
    speaks(&circles, "loop", Severity::Warning, 3);
    let mut wording = agent();
    let ask = |more: &str| json!({"query": format!("which hotels near the old harbour have a free room on friday night for two people {more}")});
    ["", "please", "thanks"].iter().for_each(|more| wording.tool("search", ask(more), json!({"found": "Hotel Mar"})));
    silent(&wording, "duplicate_call");
    speaks(&wording, "loop", Severity::Warning, 3);
    let search = |tool: &str, queries: &[&str]| {
        let mut script = agent();
        queries.iter().for_each(|query| script.tool(tool, json!({"query": query}), json!("no rooms")));
        script
    };
    let worded = [
        "cheap rooms in Porto near the river",
        "cheap rooms in Porto near river",
        "Cheap rooms, Porto, near the river please",
    ];
    speaks(&search("find_rooms", &worded), "loop", Severity::Warning, 3);
    // Other numbers, other things and messages that are sent are other calls.
    silent(
        &search(
            "find_rooms",
            &["rooms in Porto for 2 people", "rooms in Porto for 3 people", "rooms in Porto for 4 people"],
        ),
        "loop",
    );
    silent(&search("find_rooms", &["cheap rooms in Porto", "a flat in Lisbon", "houses by the sea"]), "loop");
    silent(&search("send_message", &worded), "loop");
    let mut polling = agent();
    (0..4).for_each(|done| polling.tool("job_status", json!({"job": 7}), json!({"done": done})));
    silent(&polling, "loop");
    let mut alternating = agent();
    for _ in 0..3 {
        alternating.tool("open", json!({"page": 1}), json!("front page"));
        alternating.tool("back", json!({}), json!("start"));
    }
    speaks(&alternating, "loop", Severity::Warning, 6);
    let mut retried = agent();
    retried.failing_tool("look_up", json!({"order": "A1"}), "timeout");
    retried.failing_tool("look_up", json!({"order": "A1"}), "timeout");
    retried.tool("look_up", json!({"order": "A1"}), json!({"state": "packed"}));
    silent(&retried, "loop");
    let mut said = agent();
    let words =
        "I will now look through the list of orders once more and see whether the parcel has left the warehouse.";
    (0..3).for_each(|_| said.says(words));
    speaks(&said, "loop", Severity::Warning, 3);
    let mut counting = agent();
    let depot = |number: u32| {
        format!(
            "Let me think again. The shipment should reach the depot in Lyon by {number} o'clock and I should look at the state of the depot once more."
        )
    };
    (0..3).for_each(|number| counting.says(&depot(number)));
    speaks(&counting, "loop", Severity::Warning, 3);
}

#[test]
fn a_retry_storm_is_failure_after_failure_without_success_between() {
    let mut storm = agent();
    (0..4).for_each(|number| storm.failing_tool("pay", json!({"n": number}), "503"));
    speaks(&storm, "retry_storm", Severity::Warning, 4);
    let mut recovered = agent();
    (0..3).for_each(|number| recovered.failing_tool("pay", json!({"n": number}), "503"));
    recovered.tool("pay", json!({"n": 3}), json!("paid"));
    recovered.failing_tool("pay", json!({"n": 4}), "503");
    silent(&recovered, "retry_storm");
}

#[test]
fn a_duplicate_call_is_grave_where_it_changes_something() {
    let mut read = agent();
    read.tool("get_order", json!({"order": 1}), json!({"state": "packed"}));
    read.tool("get_user", json!({"user": 1}), json!({"name": "Ana"}));
    read.tool("get_order", json!({"order": 1}), json!({"state": "packed"}));
    speaks(&read, "duplicate_call", Severity::Info, 3);
    let mut write = agent();
    write.tool("send_refund", json!({"order": 1}), json!({"id": 1}));
    write.tool("get_user", json!({"user": 1}), json!({"name": "Ana"}));
    write.tool("send_refund", json!({"order": 1}), json!({"id": 2}));
    speaks(&write, "duplicate_call", Severity::Warning, 3);
    let mut between = agent();
    between.tool("get_order", json!({"order": 1}), json!({"state": "packed"}));
    between.tool("cancel_order", json!({"order": 1}), json!("done"));
    between.tool("get_order", json!({"order": 1}), json!({"state": "packed"}));
    silent(&between, "duplicate_call");
}

#[test]
fn many_model_calls_are_too_many() {
    let mut many = agent();
    (0..31).for_each(|number| many.says(&format!("step {number} of the work")));
    speaks(&many, "excessive_steps", Severity::Warning, 31);
    let mut few = agent();
    (0..20).for_each(|number| few.says(&format!("step {number} of the work")));
    silent(&few, "excessive_steps");
}

#[test]
fn a_step_cap_is_known_by_the_wording_of_frameworks() {
    let mut capped = agent();
    capped.failing_llm("GraphRecursionError", "Recursion limit of 25 reached without hitting a stop condition.");
    speaks(&capped, "step_cap", Severity::Warning, 1);
    let mut plain = agent();
    plain.says("The speed limit there is 25.");
    silent(&plain, "step_cap");
}

#[test]
fn an_answer_that_hides_a_tool_error_is_told_from_one_that_owns_up() {
    let with = |answer: &str| {
        let mut script = agent();
        script.tool("get_weather", json!({"city": "Oslo"}), json!("Error: upstream gateway unreachable"));
        script.says(answer);
        script
    };
    speaks(&with("It is sunny in Oslo today, 21 degrees."), "error_then_answer", Severity::Warning, 2);
    silent(&with("I could not reach the weather service, please try again later."), "error_then_answer");
    silent(&with("The upstream gateway is unreachable at the moment."), "error_then_answer");
    // As JSON in a text, and in another language; `results.rs` knows more ways.
    let told = |result: &str, answer: &str| {
        let mut script = agent();
        script.tool("get_weather", json!({"city": "Oslo"}), json!(result));
        script.says(answer);
        script
    };
    for result in ["{\"statusCode\": 502}", "Fehler: Dienst antwortet nicht"] {
        speaks(&told(result, "In Oslo scheint heute die Sonne."), "error_then_answer", Severity::Warning, 2);
    }
    silent(&told("Fehler: kein Dienst", "Das Wetter konnte nicht abgefragt werden."), "error_then_answer");
}

#[test]
fn a_result_that_nothing_uses_was_ignored() {
    let with = |answer: &str| {
        let mut script = agent();
        script.tool("get_policy", json!({"topic": "returns"}), json!({"text": "Articles of outdoor clothing may be exchanged within fourteen working days after delivery"}));
        script.says(answer);
        script
    };
    speaks(
        &with("Hello there, I hope you have a lovely day and a nice time at the seaside."),
        "ignored_result",
        Severity::Info,
        2,
    );
    silent(&with("Outdoor clothing may be exchanged within fourteen days, so yes, that is fine."), "ignored_result");
}

#[test]
fn a_claim_of_something_that_no_tool_did_is_a_phantom() {
    let with = |called: bool| {
        let mut script = agent();
        script.offers(&["cancel_order", "get_order"]);
        if called {
            script.tool("cancel_order", json!({"order": 1}), json!("done"));
        }
        script.says("I have cancelled your order and you will hear from us.");
        script
    };
    speaks(&with(false), "phantom_result", Severity::Warning, 1);
    silent(&with(true), "phantom_result");
    let mut invented = agent();
    invented.says("Thought: I should look.\nAction: search[Oslo]\nObservation: Oslo is the capital of Norway.\nFinal answer: Oslo");
    speaks(&invented, "phantom_result", Severity::Warning, 1);
}

#[test]
fn arguments_are_held_against_the_schema_that_was_offered() {
    let with = |arguments: serde_json::Value| {
        let mut script = agent();
        script.offers_schema(
            "book",
            json!({"type": "object", "required": ["date"], "properties": {"date": {"type": "string"}}}),
        );
        script.says("I book it.");
        script.tool("book", arguments, json!("booked"));
        script
    };
    speaks(&with(json!({"day": "2026-01-01"})), "bad_arguments", Severity::Warning, 2);
    silent(&with(json!({"date": "2026-01-01"})), "bad_arguments");
}

#[test]
fn a_tool_that_was_not_offered_is_unknown() {
    let with = |name: &str| {
        let mut script = agent();
        script.offers(&["search"]);
        script.asks(name, json!({"q": "x"}));
        script
    };
    speaks(&with("web_search"), "unknown_tool", Severity::Warning, 1);
    silent(&with("search"), "unknown_tool");
}

#[test]
fn a_search_that_found_nothing_is_grave_where_the_run_answers_all_the_same() {
    let mut missed = agent();
    missed.retrieves("refund policy", &[]);
    missed.says("Refunds are possible within 90 days of the purchase.");
    speaks(&missed, "retrieval_miss", Severity::Warning, 1);
    let mut honest = agent();
    honest.retrieves("refund policy", &[]);
    honest.says("I could not find our refund policy.");
    speaks(&honest, "retrieval_miss", Severity::Info, 1);
    let mut hit = agent();
    hit.retrieves("refund policy", &[("policy-3", 0.9)]);
    hit.says("Refunds are possible within 30 days of the purchase.");
    silent(&hit, "retrieval_miss");
    let mut by_tool = agent();
    by_tool.tool("search_wiki", json!({"query": "Xyzzy"}), json!("No results found."));
    by_tool.says("Xyzzy is a town in the north of the country.");
    speaks(&by_tool, "retrieval_miss", Severity::Warning, 1);
}

#[test]
fn context_overflow_is_known_in_the_words_of_every_provider() {
    for message in [
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 131072 tokens.",
        "prompt is too long: 213462 tokens > 200000 maximum",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "ValidationException: Input is too long for requested model.",
        "Prompt contains 70000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        "Please reduce the length of the messages or completion.",
        "the request exceeds the available context size, try increasing it",
        "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 280000 tokens.",
        "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000.",
        "This model's maximum prompt length is 131072 but the request contains 140000 tokens.",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 and 1000",
        "Input validation error: `inputs` must have less than 32768 tokens. Given: 40000",
        "the number of input tokens 5000 cannot exceed the total tokens limit 4096 for this model",
        "Invalid request: Your request exceeded model token limit: 8192",
    ] {
        let mut over = agent();
        over.failing_llm("BadRequestError", message);
        speaks(&over, "context_overflow", Severity::Warning, 1);
    }
    let mut limited = agent();
    limited.failing_llm("RateLimitError", "rate limit reached for gpt-4o on tokens per minute");
    silent(&limited, "context_overflow");
}

#[test]
fn a_call_that_nearly_fills_its_window_is_noticed() {
    let with = |tokens: u64| {
        let mut script = agent();
        script.says("done with it");
        script.last_llm(|span| {
            span.model = Some("gpt-4o-2024-11-20".into());
            span.usage.input_tokens = Some(tokens);
        });
        script
    };
    speaks(&with(110_000), "near_overflow", Severity::Info, 1);
    silent(&with(90_000), "near_overflow");
}

#[test]
fn a_system_prompt_that_disappears_is_lost_context() {
    let with = |keep: bool| {
        let mut script = agent();
        script.system("You are the order assistant.");
        for number in 0..4 {
            script.tool("get_order", json!({"order": number}), json!({"state": number}));
            script.says(&format!("order {number} is on its way"));
        }
        if !keep {
            script.forget_system();
        }
        script.says("all orders are on their way");
        script
    };
    speaks(&with(false), "context_lost", Severity::Warning, 9);
    silent(&with(true), "context_lost");
}

#[test]
fn a_conversation_that_begins_anew_is_lost_context_and_a_summary_is_not() {
    let with = |first: &str| {
        let mut script = agent();
        for number in 0..6 {
            script.tool("get_order", json!({"order": number}), json!({"state": number}));
            script.says(&format!("order {number} is on its way"));
        }
        script.begins_anew(first);
        script.says("what can I do for you?");
        script
    };
    speaks(&with("Hello, who are you?"), "context_lost", Severity::Info, 13);
    silent(&with("Summary of the conversation so far: six orders are on their way."), "context_lost");
    // Fewer messages below the same first question are compaction.
    silent(&with("Please help me."), "context_lost");
}

#[test]
fn outputs_that_are_cut_off_empty_refused_or_broken_are_told_apart() {
    let ending = |text: &str, reason: &str| {
        let mut script = agent();
        script.says("Let me think about it.");
        script.says(text);
        script.last_llm(|span| span.finish_reason = Some(reason.into()));
        script
    };
    speaks(&ending("The answer goes on and", "length"), "truncated_output", Severity::Warning, 2);
    silent(&ending("The answer is four.", "stop"), "truncated_output");
    speaks(&ending("", "stop"), "empty_output", Severity::Warning, 2);
    silent(&ending("Four.", "stop"), "empty_output");
    speaks(&ending("I'm sorry, but I can't help with that.", "stop"), "refusal", Severity::Warning, 2);
    speaks(&ending("", "content_filter"), "refusal", Severity::Warning, 2);
    silent(&ending("We are unable to process this refund under rule 4.", "stop"), "refusal");
    for refused in ["К сожалению, я не могу с этим помочь.", "Niestety nie mogę w tym pomóc.", "抱歉，我无法回答。"]
    {
        speaks(&ending(refused, "stop"), "refusal", Severity::Warning, 2);
    }
    speaks(&ending("", "malformed_function_call"), "invalid_output", Severity::Warning, 2);
    speaks(&ending("{\"verdict\": \"ok\", ", "stop"), "invalid_output", Severity::Warning, 2);
    silent(&ending("{\"verdict\": \"ok\"}", "stop"), "invalid_output");
    silent(&ending("[1] Source of the claim.", "stop"), "invalid_output");
}

#[test]
fn a_guardrail_that_stops_something_is_shown() {
    let with = |passed: bool| {
        let mut script = agent();
        script.guardrail("pii", json!({"passed": passed}));
        script
    };
    speaks(&with(false), "guardrail", Severity::Info, 1);
    silent(&with(true), "guardrail");
}

#[test]
fn agents_that_hand_the_work_back_and_forth_are_noticed() {
    let with = |targets: &[&str]| {
        let mut script = agent();
        targets.iter().for_each(|to| script.handoff(to));
        script
    };
    speaks(&with(&["billing", "support", "billing", "support", "billing"]), "handoff_ping_pong", Severity::Warning, 5);
    silent(&with(&["billing", "support", "shipping", "returns", "billing"]), "handoff_ping_pong");
    // Many frameworks tell it as a tool.
    let tools = |names: &[&str]| {
        let mut script = agent();
        names.iter().for_each(|to| script.tool(&format!("transfer_to_{to}"), json!({}), json!({"assistant": to})));
        script
    };
    speaks(&tools(&["billing", "support", "billing", "support", "billing"]), "handoff_ping_pong", Severity::Warning, 5);
    silent(&tools(&["billing", "support", "human_agents"]), "handoff_ping_pong");
}

#[test]
fn an_agent_below_that_failed_is_hidden_by_a_root_that_succeeds() {
    let with = |again: bool| {
        let mut script = agent();
        script.sub_agent("researcher", SpanStatus::Error);
        if again {
            script.sub_agent("researcher", SpanStatus::Ok);
        }
        script.says("Here is the report that you asked for.");
        script
    };
    speaks(&with(false), "hidden_failure", Severity::Warning, 1);
    silent(&with(true), "hidden_failure");
}

#[test]
fn a_run_that_says_nothing_is_stuck_and_later_abandoned() {
    let mut open = agent();
    open.says("working on it");
    open.never_ends();
    open.look_after_seconds(400);
    speaks(&open, "stuck", Severity::Warning, 1);
    silent(&open, "abandoned");
    open.look_after_seconds(20);
    silent(&open, "stuck");
    open.look_after_seconds(7_200);
    assert_eq!(open.resolved().run.status, RunStatus::Abandoned);
    speaks(&open, "abandoned", Severity::Warning, 1);
    silent(&open, "stuck");
}

#[test]
fn a_gap_in_which_nothing_happens_is_shown_unless_a_person_was_thinking() {
    let with = |user: bool| {
        let mut script = agent();
        script.tool("look_up", json!({"order": 1}), json!("packed"));
        script.wait_seconds(300);
        if user {
            script.user("And now?");
        }
        script.says("It is packed.");
        script
    };
    speaks(&with(false), "time_gap", Severity::Info, 2);
    silent(&with(true), "time_gap");
}

#[test]
fn spans_without_their_parents_are_orphans() {
    let mut orphans = agent();
    orphans.orphan_tool("look_up");
    speaks(&orphans, "orphan_spans", Severity::Info, 1);
    silent(&agent(), "orphan_spans");
}

#[test]
fn a_key_in_a_tool_result_is_named_but_never_quoted() {
    let mut leaking = agent();
    let key = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    leaking.tool("read_file", json!({"path": ".env"}), json!(format!("GITHUB_TOKEN={key}")));
    speaks(&leaking, "sensitive_data", Severity::Warning, 1);
    let findings = leaking.judge(&Settings::default());
    assert!(!serde_json::to_string(&findings).unwrap().contains(key));
    let mut clean = agent();
    clean.tool("read_file", json!({"path": "README"}), json!("Set GITHUB_TOKEN to a token that begins with ghp_."));
    silent(&clean, "sensitive_data");
}

#[test]
fn settings_hold_for_the_agents_they_name() {
    let mut circles = agent();
    (0..3).for_each(|_| circles.tool("look_up", json!({"order": "A1"}), json!({"state": "packed"})));
    let settings = |text: &str| Settings::parse(text).unwrap();
    let speaks = |settings: &Settings| circles.judge(settings).into_iter().find(|finding| finding.detector == "loop");
    assert!(speaks(&settings("[detectors.loop]\nrepeats = 5")).is_none());
    assert!(speaks(&settings("[[for]]\nagent = \"other\"\ndetectors.loop.repeats = 5")).is_some());
    assert!(speaks(&settings("[[for]]\nagent = \"hel*\"\ndetectors.loop.enabled = false")).is_none());
    let mut more = agent();
    (0..6).for_each(|_| more.tool("look_up", json!({"order": "A1"}), json!({"state": "packed"})));
    let found = more.judge(&settings("[detectors.loop]\nrepeats = 7"));
    assert!(found.iter().all(|finding| finding.detector != "loop"), "six calls are no cycle of two: {found:#?}");
    let graver = speaks(&settings("[detectors.loop]\nseverity = \"critical\"")).unwrap();
    assert_eq!(graver.severity, Severity::Critical);
    for (wrong, says) in [
        ("[detectors.lop]", "no detector `lop`"),
        ("[detectors.loop]\nrepeat = 5", "repeats, cycles, outputs, similarity"),
        ("[[for]]\nagnt = \"x\"", "unknown field `agnt`"),
        ("[detectors.loop]\nrepeats = -1", "cannot use `repeats = -1`"),
    ] {
        let error = Settings::parse(wrong).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn the_same_failure_in_two_runs_is_one_issue_and_two_findings() {
    let circles = |trace: u8| {
        let mut script = Script::of(trace, "helper");
        (0..3).for_each(|_| script.tool("look_up", json!({"order": trace}), json!({"state": "packed"})));
        script.judge(&Settings::default()).into_iter().find(|finding| finding.detector == "loop").unwrap()
    };
    let (one, two) = (circles(1), circles(2));
    assert_eq!((one.fingerprint == two.fingerprint, one.id == two.id), (true, false));
    assert_eq!(one, circles(1));
}
