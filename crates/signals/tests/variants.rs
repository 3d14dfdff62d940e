//! The same kinds of incident in other clothes: other agents, numbers, words and rates, in part of the runs, or coming on slowly. What finds
//! them must not lean on how the demo writes its own.

#[path = "incidents/watchman.rs"]
mod watchman;

mod support;

use model::{Part, Usage};
use serde_json::{Value, json};
use simulator::{Failure, Industry, LlmCall, Model, Plan, Step, Work};
use watchman::{Expected, check};

/// Whether a run is among a share of all, by its trace id.
fn among(plan: &Plan, share: f64) -> bool {
    f64::from(plan.trace_id.as_bytes()[9]) < share * 256.0
}

fn each_call(plan: &mut Plan, mut each: impl FnMut(&mut LlmCall)) {
    for step in &mut plan.steps {
        if let Work::Llm(call) = &mut step.work {
            each(call);
        }
    }
}

fn each_part(plan: &mut Plan, mut each: impl FnMut(&mut Part)) {
    each_call(plan, |call| {
        let messages = call.input.iter_mut().chain(&mut call.output);
        messages.flat_map(|message| &mut message.parts).for_each(&mut each);
    });
}

/// The last words to whoever asked become others, with their tokens.
fn answer(plan: &mut Plan, to: impl Fn(&str) -> String) {
    let last = |step: &Step| matches!(&step.work, Work::Llm(call) if call.finish_reason == Some("stop"));
    let Some(at) = plan.steps.iter().rposition(last) else { return };
    let Work::Llm(call) = &mut plan.steps[at].work else { return };
    let Some(output) = &mut call.output else { return };
    let (before, after) = (output.plain_text(), to(&output.plain_text()));
    output.parts = vec![Part::Text { text: after.clone() }];
    let tokens = |text: &str| text.len() as u64 / 4;
    call.usage.output_tokens =
        call.usage.output_tokens.map(|all| (all + tokens(&after)).saturating_sub(tokens(&before)).max(1));
    for step in &mut plan.steps {
        if let Work::Agent { output: Some(output), .. } | Work::Workflow { output: Some(output), .. } = &mut step.work
            && *output == before
        {
            output.clone_from(&after);
        }
    }
}

/// Everything from a moment on comes later.
fn delay(plan: &mut Plan, from: u64, by: u64) {
    for step in &mut plan.steps {
        step.start += if step.start >= from { by } else { 0 };
        step.end += if step.end >= from { by } else { 0 };
    }
    plan.logs.iter_mut().filter(|line| line.at >= from).for_each(|line| line.at += by);
}

/// A tool is asked for and called in place of another.
fn instead(plan: &mut Plan, tool: &'static str, other: &'static str, arguments: &Value, result: &Value) -> bool {
    let mut changed = false;
    for step in &mut plan.steps {
        if let Work::Tool { name, arguments: given, result: got, .. } = &mut step.work
            && *name == tool
        {
            (*name, *given, *got) = (other, arguments.clone(), Some(result.clone()));
            changed = true;
        }
    }
    each_part(plan, |part| {
        if let Part::ToolCall { name, arguments: given, .. } = part
            && name == tool
        {
            (*name, *given) = (other.into(), arguments.clone());
        }
    });
    changed
}

/// The last model call fails, and with it everything around it.
fn last_call_fails(plan: &mut Plan, failure: &Failure) {
    let Some(at) = plan.steps.iter().rposition(|step| matches!(step.work, Work::Llm(_))) else { return };
    let (id, start, end) = (plan.steps[at].span_id, plan.steps[at].start, plan.steps[at].end);
    plan.steps.retain(|step| step.start <= start || step.span_id == id);
    plan.logs.retain(|line| line.at <= start);
    for step in plan.steps.iter_mut().filter(|step| step.end >= end) {
        step.end = end + u64::from(step.span_id != id) * 3_000_000;
        step.error = Some(failure.clone());
        match &mut step.work {
            Work::Llm(call) => {
                (call.output, call.usage, call.finish_reason) = (None, Usage::default(), None);
                (call.first_token_ms, call.response_id) = (None, None);
            }
            Work::Agent { output, .. } | Work::Workflow { output, .. } => *output = None,
            _ => {}
        }
    }
}

#[test]
fn an_auditor_that_reports_what_it_used_to_clear() {
    let change = |plan: &mut Plan, _| {
        let task = json!({"task": format!("Prepare the narrative of {} for the committee.", plan.trace_id)});
        if among(plan, 0.8) && instead(plan, "clear_alert", "write_report", &task, &json!("Drafted and filed.")) {
            answer(plan, |text| text.replace(": cleared.", ": passed on to the committee."));
        }
    };
    let right = &["tool:clear_alert", "tool:write_report", "outcome", "decision"];
    let also = &["unusual_tool", "duplicate_call"];
    check("clear to report", Industry::Finance, change, Expected { within: 120, right, also });
}

#[test]
fn an_old_edition_that_comes_back_over_sixty_runs() {
    let change = |plan: &mut Plan, since: u64| {
        if !among(plan, since as f64 / 60.0) {
            return;
        }
        for step in &mut plan.steps {
            if let Work::Retrieval { documents, .. } = &mut step.work {
                documents.iter_mut().for_each(|it| it.id = it.id.as_ref().map(|id| format!("archive/{id}")));
            }
        }
    };
    let right = &["document"];
    check("old edition", Industry::Healthcare, change, Expected { within: 150, right, also: &["retrieval_miss"] });
}

#[test]
fn two_calls_that_take_turns_for_ever() {
    let change = |plan: &mut Plan, _| {
        if !among(plan, 0.4) {
            return;
        }
        let tools: Vec<usize> =
            (0..plan.steps.len()).filter(|&at| matches!(plan.steps[at].work, Work::Tool { .. })).collect();
        let [.., first, second] = tools[..] else { return };
        let (from, until) = (plan.steps[first].start, plan.steps[first].end.max(plan.steps[second].end));
        let pair = [plan.steps[first].clone(), plan.steps[second].clone()];
        let length = until - from + 50_000_000;
        delay(plan, until + 1, 4 * length);
        for again in 1..=4u64 {
            for (number, step) in pair.iter().enumerate() {
                let mut step = step.clone();
                (step.start, step.end) = (step.start + again * length, step.end + again * length);
                let mut id = *step.span_id.as_bytes();
                (id[0], id[1]) = (id[0] ^ again as u8, id[1] ^ (0xa0 + number as u8));
                step.span_id = model::SpanId::from_array(id);
                plan.steps.push(step);
            }
        }
        plan.steps.sort_by_key(|step| step.start);
    };
    let also = &["duplicate_call", "excessive_steps", "cost_outlier", "latency_outlier", "drift"];
    check("turns", Industry::Healthcare, change, Expected { within: 30, right: &["loop"], also });
}

#[test]
fn a_tool_that_takes_six_seconds_in_half_of_the_runs() {
    let change = |plan: &mut Plan, _| {
        if !among(plan, 0.5) {
            return;
        }
        let slow = |step: &Step| matches!(step.work, Work::Tool { name: "screen_sanctions", .. });
        if let Some(at) = plan.steps.iter().position(slow) {
            let end = plan.steps[at].end;
            delay(plan, end, 6_000_000_000);
        }
    };
    let right = &["latency_outlier", "tool_ms:screen_sanctions"];
    check("slow screening", Industry::Finance, change, Expected { within: 60, right, also: &[] });
}

#[test]
fn an_argument_that_becomes_a_number() {
    let change = |plan: &mut Plan, _| {
        let to_number = |arguments: &mut Value| {
            for value in arguments.as_object_mut().into_iter().flat_map(|members| members.values_mut()) {
                if value.is_string() {
                    *value = json!(4711);
                }
            }
        };
        for step in &mut plan.steps {
            if let Work::Tool { name: "query_metrics", arguments, .. } = &mut step.work {
                to_number(arguments);
            }
        }
        each_part(plan, |part| {
            if let Part::ToolCall { name, arguments, .. } = part
                && name == "query_metrics"
            {
                to_number(arguments);
            }
        });
    };
    let right = &["bad_arguments", "arguments:query_metrics"];
    let also = &["drift", "error_then_answer", "loop", "duplicate_call"];
    check("number for text", Industry::DevOps, change, Expected { within: 12, right, also });
}

#[test]
fn an_index_that_finds_only_what_is_far_away() {
    let change = |plan: &mut Plan, _| {
        for step in &mut plan.steps {
            let documents = match &mut step.work {
                Work::Retrieval { documents, .. } => documents,
                Work::Rerank { after, .. } => after,
                _ => continue,
            };
            documents.iter_mut().for_each(|it| it.score = it.score.map(|score| score * 0.2));
        }
    };
    let right = &["retrieval_miss", "retrieval_score"];
    check("far away", Industry::DevOps, change, Expected { within: 40, right, also: &["drift"] });
}

#[test]
fn a_window_that_another_provider_calls_too_long() {
    let change = |plan: &mut Plan, _| {
        if among(plan, 0.3) {
            let message = "prompt is too long: 213462 tokens > 200000 maximum".into();
            last_call_fails(plan, &Failure { kind: "invalid_request_error", message });
        }
    };
    let right = &["context_overflow"];
    check("too long", Industry::DevOps, change, Expected { within: 20, right, also: &["drift"] });
}

#[test]
fn answers_that_lose_two_percent_a_run() {
    let change = |plan: &mut Plan, since: u64| {
        let keep = 0.98f64.powf(since as f64).max(0.15);
        answer(plan, |text| {
            if text.starts_with('{') {
                return text.into();
            }
            let letters = ((text.chars().count() as f64 * keep).ceil() as usize).max(20);
            text.chars().take(letters).collect()
        });
    };
    let right = &["answer_chars", "output_tokens"];
    check("shrinking", Industry::Commerce, change, Expected { within: 150, right, also: &[] });
}

#[test]
fn answers_that_ramble_in_a_quarter_of_the_runs() {
    let change = |plan: &mut Plan, _| {
        if among(plan, 0.25) {
            answer(plan, |text| {
                if text.starts_with('{') {
                    return text.into();
                }
                let mut long = text.to_string();
                for verse in 0..60 {
                    long.push_str(&format!(
                        " Verse {verse} of the song that the visitor asked for goes on about rain and rivers."
                    ));
                }
                long
            });
        }
    };
    let right = &["cost_outlier", "answer_chars", "output_tokens"];
    check("verses", Industry::Education, change, Expected { within: 80, right, also: &["drift"] });
}

#[test]
fn a_provider_that_times_out_in_half_of_the_runs() {
    let change = |plan: &mut Plan, _| {
        if !among(plan, 0.5) {
            return;
        }
        last_call_fails(plan, &Failure { kind: "APITimeoutError", message: "Request timed out.".into() });
    };
    let right = &["failed", "retry_storm"];
    check("time out", Industry::Commerce, change, Expected { within: 60, right, also: &["drift"] });
}

#[test]
fn calls_that_cost_three_times_as_much_in_most_runs() {
    let change = |plan: &mut Plan, _| {
        if among(plan, 0.7) {
            each_call(plan, |call| {
                call.usage.input_tokens = call.usage.input_tokens.map(|tokens| tokens * 5);
                call.usage.cache_read_tokens = call.usage.cache_read_tokens.map(|_| 0);
                call.usage.cache_write_tokens = call.usage.cache_write_tokens.map(|_| 0);
            });
        }
    };
    let right = &["cost_outlier", "cost_usd", "input_tokens", "context"];
    check("dear", Industry::DevOps, change, Expected { within: 40, right, also: &["near_overflow", "drift"] });
}

#[test]
fn another_model_that_answers_a_third_of_the_calls() {
    let change = |plan: &mut Plan, _| {
        if among(plan, 0.34) {
            each_call(plan, |call| {
                let mut other: Model = call.model.clone();
                other.answers_as = "another-model-2026-01";
                call.model = Box::leak(Box::new(other));
            });
        }
    };
    check("canary", Industry::Finance, change, Expected { within: 90, right: &["model"], also: &[] });
}

#[test]
fn a_tool_that_is_no_longer_called() {
    let change = |plan: &mut Plan, _| {
        let gone = |step: &Step| matches!(step.work, Work::Tool { name: "track_shipment", .. });
        plan.steps.retain(|step| !gone(step));
        let kept: Vec<model::SpanId> = plan.steps.iter().map(|step| step.span_id).collect();
        plan.logs.retain(|line| kept.contains(&line.span_id));
        each_call(plan, |call| {
            let messages = call.input.iter_mut().chain(&mut call.output);
            for part in messages.flat_map(|message| &mut message.parts) {
                if matches!(part, Part::ToolCall { name, .. } if name == "track_shipment") {
                    *part = Part::Text { text: "I answer from what I remember.".into() };
                }
            }
        });
    };
    let right = &["tool:track_shipment", "tool_calls"];
    check("no tracking", Industry::Commerce, change, Expected { within: 150, right, also: &["drift"] });
}

#[test]
fn a_search_that_gives_one_document_where_it_gave_several() {
    let change = |plan: &mut Plan, _| {
        for step in &mut plan.steps {
            match &mut step.work {
                Work::Retrieval { documents, .. } | Work::Rerank { after: documents, .. } => documents.truncate(1),
                _ => {}
            }
        }
    };
    check("one document", Industry::DevOps, change, Expected { within: 40, right: &["documents"], also: &["drift"] });
}

#[test]
fn tools_that_come_in_another_order() {
    let change = |plan: &mut Plan, _| {
        let tools: Vec<usize> =
            (0..plan.steps.len()).filter(|&at| matches!(plan.steps[at].work, Work::Tool { .. })).collect();
        let [first, second, ..] = tools[..] else { return };
        let (before, after) = plan.steps.split_at_mut(second);
        std::mem::swap(&mut before[first].work, &mut after[0].work);
    };
    let right = &["first_tool", "next:get_order"];
    check("other order", Industry::Commerce, change, Expected { within: 60, right, also: &["drift"] });
}

#[test]
fn a_tool_that_works_at_the_second_try_in_a_third_of_the_runs() {
    let change = |plan: &mut Plan, _| {
        if !among(plan, 0.35) {
            return;
        }
        let of = |step: &Step| matches!(step.work, Work::Tool { name: "screen_sanctions", .. });
        let Some(at) = plan.steps.iter().position(of) else { return };
        let (mut failed, length) = (plan.steps[at].clone(), plan.steps[at].end - plan.steps[at].start + 1_000_000);
        delay(plan, failed.start, length);
        let mut id = *failed.span_id.as_bytes();
        id[0] ^= 0x5a;
        failed.span_id = model::SpanId::from_array(id);
        failed.error = Some(Failure { kind: "ConnectionResetError", message: "connection reset by peer".into() });
        if let Work::Tool { result, call_id, .. } = &mut failed.work {
            *result = None;
            call_id.push('0');
        }
        plan.steps.insert(at, failed);
    };
    let right = &["tool_fails:screen_sanctions", "errors"];
    check("second try", Industry::Finance, change, Expected { within: 200, right, also: &["drift"] });
}

#[test]
fn answers_in_another_language() {
    let change = |plan: &mut Plan, since: u64| {
        let words = ["Ihre Anfrage ist bearbeitet", "Wir haben alle Vorgänge geprüft", "Gern geschehen"];
        answer(plan, |_| {
            format!("{}. Bei weiteren Fragen erreichen Sie uns jederzeit, Vorgang {since}.", words[since as usize % 3])
        });
    };
    let right = &["decision", "opening", "word_chars", "answer_chars", "outcome"];
    check("German", Industry::Finance, change, Expected { within: 40, right, also: &["drift", "ignored_result"] });
}
