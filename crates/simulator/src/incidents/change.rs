//! What each incident does to a run's plan.

use std::sync::Arc;

use model::{Message, Part, Role, SpanId, Usage};
use serde_json::{Value as Json, json};

use crate::card::{Cache, Model};
use crate::industries::lending;
use crate::plan::{Failure, LlmCall, Plan, Step, Work};
use crate::random::Random;

/// What the education agents are answered by after the swap: the same name is asked for.
static SWAPPED: Model = Model {
    name: "gpt-5-mini",
    answers_as: "gpt-5-nano-2025-08-07",
    provider: "openai",
    id_prefix: "chatcmpl-",
    host: "api.openai.com",
    first_token_ms: 210.0,
    speed: 260.0,
    reasons: false,
    cache: Cache::Read,
};

/// Calls `each` for every message of the plan's model calls.
fn each_message(plan: &mut Plan, mut each: impl FnMut(&mut Message)) {
    for step in &mut plan.steps {
        if let Work::Llm(call) = &mut step.work {
            call.input.iter_mut().chain(&mut call.output).for_each(&mut each);
        }
    }
}

/// Replaces the texts of the last answer, wherever it is told.
fn replace_answer(plan: &mut Plan, to: impl Fn(&str) -> String) {
    let is_answer = |step: &Step| match &step.work {
        Work::Llm(call) => call.finish_reason == Some("stop") && call.output.is_some(),
        _ => false,
    };
    let Some(at) = plan.steps.iter().rposition(is_answer) else { return };
    let (mut before, mut after) = (String::new(), String::new());
    if let Work::Llm(call) = &mut plan.steps[at].work
        && let Some(message) = &mut call.output
    {
        before = message.plain_text();
        after = to(&before);
        message.parts = vec![Part::Text { text: after.clone() }];
        let said = |text: &str| text.len() as u64 / 4;
        call.usage.output_tokens =
            call.usage.output_tokens.map(|tokens| (tokens + said(&after)).saturating_sub(said(&before)).max(1));
    }
    for step in &mut plan.steps {
        if let Work::Agent { output: Some(output), .. } | Work::Workflow { output: Some(output), .. } = &mut step.work
            && *output == before
        {
            output.clone_from(&after);
        }
    }
}

/// Later steps move by `by` nanoseconds, and everything that lasts beyond `from` ends later.
fn delay(plan: &mut Plan, from: u64, by: u64) {
    for step in &mut plan.steps {
        if step.start >= from {
            step.start += by;
        }
        if step.end >= from {
            step.end += by;
        }
    }
    plan.logs.iter_mut().filter(|line| line.at >= from).for_each(|line| line.at += by);
}

/// Removes steps and everything below them.
fn remove(plan: &mut Plan, gone: impl Fn(&Step) -> bool) {
    let mut removed: Vec<SpanId> = Vec::new();
    plan.steps.retain(|step| {
        let below = step.parent.is_some_and(|parent| removed.contains(&parent));
        if below || gone(step) {
            removed.push(step.span_id);
            return false;
        }
        true
    });
    plan.logs.retain(|line| !removed.contains(&line.span_id));
}

/// Every `process_refund` becomes a `return_unable_to_process` that succeeds, and the customer is told so.
pub(super) fn wrong_tool(plan: &mut Plan) {
    let refunds = |step: &Step| matches!(&step.work, Work::Tool { name: "process_refund", .. });
    if !plan.steps.iter().any(refunds) {
        return;
    }
    let reason = "the request cannot be processed under the current rules";
    for step in &mut plan.steps {
        if let Work::Tool { name, arguments, result, .. } = &mut step.work
            && *name == "process_refund"
        {
            *name = "return_unable_to_process";
            *arguments = json!({"order": arguments["order"], "reason": reason});
            *result = result.as_ref().map(|_| json!({"status": "success"}));
        }
    }
    each_message(plan, |message| {
        for part in &mut message.parts {
            match part {
                Part::ToolCall { name, arguments, .. } if name == "process_refund" => {
                    *name = "return_unable_to_process".into();
                    *arguments = json!({"order": arguments["order"], "reason": reason});
                }
                Part::ToolResult { result, .. } if result.get("refund").is_some() => {
                    *result = json!({"status": "success"})
                }
                _ => {}
            }
        }
    });
    plan.logs.retain(|line| line.body != "refund processed");
    replace_answer(plan, |_| {
        "Thank you for your patience. I looked at your order and we are unable to process this refund under our current rules. Your warranty of two years still holds.".into()
    });
}

/// The search of the lending desk gives the criteria of years ago; by those nobody gets a loan, and every letter says
/// politely why.
pub(super) fn outdated_document(plan: &mut Plan) {
    let application = plan.steps.iter().find_map(|step| match &step.work {
        Work::Tool { name: "get_application", arguments, .. } => arguments["application"].as_str().map(str::to_owned),
        _ => None,
    });
    let Some(application) = application else { return };
    let criteria = "Edition of 2019: the applicant must have lived at one address for twenty years and must have no other loan of any kind.";
    let reason = "our lending criteria (section 2.1) ask for twenty years at one address";
    let rejected = json!({"application": application, "reason": reason});
    let answered = json!({"application": application, "state": "rejected"});
    for step in &mut plan.steps {
        match &mut step.work {
            Work::Retrieval { source, documents, .. } if *source == lending::INDEX => {
                for document in documents.iter_mut() {
                    document.id = document.id.as_ref().map(|id| format!("{id}-2019"));
                    document.content = Some(criteria.into());
                }
            }
            Work::Tool { name, description, arguments, result, .. }
                if *name == lending::APPROVE || *name == lending::REJECT =>
            {
                (*name, *description) = (lending::REJECT, lending::REJECTS);
                *arguments = rejected.clone();
                *result = result.as_ref().map(|_| answered.clone());
            }
            _ => {}
        }
    }
    each_message(plan, |message| {
        for part in &mut message.parts {
            match part {
                Part::Text { text } if text.starts_with(lending::CRITERIA_SHOWN) => {
                    *text = format!("{} for {application}:\n\n[1] Affordability\n{criteria}", lending::CRITERIA_SHOWN);
                }
                Part::Text { text } if text == lending::MET => *text = "A criterion is not met.".into(),
                Part::ToolCall { name, arguments, .. } if name == lending::APPROVE || name == lending::REJECT => {
                    *name = lending::REJECT.into();
                    *arguments = rejected.clone();
                }
                Part::ToolResult { result, .. } if result.get("state").and_then(Json::as_str) == Some("approved") => {
                    *result = answered.clone();
                }
                _ => {}
            }
        }
    });
    for line in plan.logs.iter_mut().filter(|line| line.body == lending::APPROVED) {
        line.body = lending::DECLINED.into();
    }
    replace_answer(plan, |_| {
        format!(
            "Dear customer, thank you for your application {application}. After a careful review we have declined it: {reason}. You are welcome to apply again once this has changed."
        )
    });
}

/// The last round that asked for a tool is played again and again.
pub(super) fn runaway_loop(plan: &mut Plan, random: &Random) {
    if !random.chance(0.5) {
        return;
    }
    let Some(tool) = plan.steps.iter().rposition(|step| matches!(step.work, Work::Tool { .. }) && step.error.is_none())
    else {
        return;
    };
    let Work::Tool { call_id, .. } = &plan.steps[tool].work else { return };
    let asks = |step: &Step| match &step.work {
        Work::Llm(call) => call
            .output
            .iter()
            .flat_map(|message| &message.parts)
            .any(|part| matches!(part, Part::ToolCall { id: Some(id), .. } if id == call_id)),
        _ => false,
    };
    let Some(round) = plan.steps.iter().rposition(asks) else { return };
    let (from, until) = (plan.steps[round].start, plan.steps[tool].end);
    let pair = [plan.steps[round].clone(), plan.steps[tool].clone()];
    let (times, length) = (random.between(9, 16), until.saturating_sub(from) + 20_000_000);
    delay(plan, until, times * length);
    plan.steps[tool].end = until;
    let mut grown: Vec<Message> = Vec::new();
    for again in 1..=times {
        let id = format!("{call_id}{again}", call_id = "call_r", again = random.token(20));
        for step in &pair {
            let mut step = step.clone();
            (step.start, step.end) = (step.start + again * length, step.end + again * length);
            step.span_id = SpanId::from_array(random.bytes());
            match &mut step.work {
                Work::Llm(call) => {
                    call.input.extend(grown.iter().cloned());
                    call.response_id = call.response_id.as_ref().map(|_| format!("chatcmpl-{}", random.token(24)));
                    call.usage.input_tokens = call.usage.input_tokens.map(|tokens| tokens + 120 * again);
                    for part in call.output.iter_mut().flat_map(|message| &mut message.parts) {
                        if let Part::ToolCall { id: call, .. } = part {
                            *call = Some(id.clone());
                        }
                    }
                    grown.extend(call.output.clone());
                }
                Work::Tool { call_id, result, .. } => {
                    call_id.clone_from(&id);
                    let result = result.clone().unwrap_or_default();
                    let parts = vec![Part::ToolResult { id: Some(id.clone()), result }];
                    grown.push(Message { role: Role::Tool, name: None, parts, finish_reason: None });
                }
                _ => {}
            }
            plan.steps.push(step);
        }
    }
    plan.steps.sort_by_key(|step| step.start);
}

/// Calls of a tool take fifteen seconds.
pub(super) fn slow_tool(plan: &mut Plan, tool: &str, random: &Random) {
    let slow: Vec<SpanId> = plan
        .steps
        .iter()
        .filter(|step| matches!(&step.work, Work::Tool { name, .. } if *name == tool) && step.error.is_none())
        .map(|step| step.span_id)
        .collect();
    for id in slow {
        let end = plan.steps.iter().find(|step| step.span_id == id).map_or(0, |step| step.end);
        delay(plan, end, random.latency(15_000.0));
    }
}

/// The schema offered names an argument anew; calls keep the old name and are refused.
pub(super) fn schema_change(plan: &mut Plan, tool: &'static str, old: &str, new: &str) {
    let message = format!("{tool}: missing required argument {new}");
    let mut ids = Vec::new();
    for step in &mut plan.steps {
        match &mut step.work {
            Work::Llm(call) => {
                let mut tools = call.tools.to_vec();
                for definition in tools.iter_mut().filter(|definition| definition.name == tool) {
                    definition.parameters =
                        Some(json!({"type": "object", "properties": {new: {"type": "string"}}, "required": [new]}));
                }
                call.tools = Arc::from(tools);
            }
            Work::Tool { name, call_id, arguments, result, .. } if *name == tool && arguments.get(old).is_some() => {
                ids.push(call_id.clone());
                *result = None;
                step.error = Some(Failure { kind: "ValidationError", message: message.clone() });
            }
            _ => {}
        }
    }
    each_message(plan, |told| {
        for part in &mut told.parts {
            if let Part::ToolResult { id: Some(id), result } = part
                && ids.contains(id)
            {
                *result = json!({"error": message});
            }
        }
    });
}

/// Searches find nothing; what followed from the documents is said all the same.
pub(super) fn retrieval_miss(plan: &mut Plan) {
    for step in &mut plan.steps {
        if let Work::Retrieval { documents, .. } = &mut step.work {
            documents.clear();
        }
    }
    remove(plan, |step| matches!(step.work, Work::Rerank { .. }));
}

/// Calls carry ever more, until the last is refused.
pub(super) fn context_overflow(plan: &mut Plan, random: &Random) {
    if !random.chance(0.6) {
        return;
    }
    let calls: Vec<usize> = (0..plan.steps.len()).filter(|&at| matches!(plan.steps[at].work, Work::Llm(_))).collect();
    let Some((&last, earlier)) = calls.split_last() else { return };
    for (number, &at) in earlier.iter().enumerate() {
        if let Work::Llm(call) = &mut plan.steps[at].work {
            let share = (number + 1) as f64 / calls.len() as f64;
            call.usage.input_tokens = call.usage.input_tokens.map(|tokens| tokens + (90_000.0 * share) as u64);
        }
    }
    let message =
        "400: This model's maximum context length is 131072 tokens. However, your messages resulted in 131590 tokens.";
    fail_from(plan, last, Failure { kind: "context_length_exceeded", message: message.into() });
}

/// The step at `at` fails, nothing comes after it, and everything around it fails as well.
fn fail_from(plan: &mut Plan, at: usize, failure: Failure) {
    let (id, end) = (plan.steps[at].span_id, plan.steps[at].end);
    let start = plan.steps[at].start;
    if let Work::Llm(call) = &mut plan.steps[at].work {
        let call: &mut LlmCall = call;
        (call.output, call.usage, call.finish_reason) = (None, Usage::default(), None);
        (call.first_token_ms, call.response_id) = (None, None);
    }
    remove(plan, |step| step.start > start && step.span_id != id);
    for step in &mut plan.steps {
        if step.end >= end {
            step.end = end + u64::from(step.span_id != id) * 2_000_000;
            step.error = Some(failure.clone());
            match &mut step.work {
                Work::Agent { output, .. } | Work::Workflow { output, .. } => *output = None,
                Work::Tool { result, .. } => *result = None,
                _ => {}
            }
        }
    }
    plan.logs.retain(|line| line.at <= end);
}

/// Answers keep an ever smaller share of their sentences: a fifth less over a hundred runs, never less than one.
pub(super) fn shrinking_answers(plan: &mut Plan, since: u64) {
    let keep = 0.99f64.powf(since as f64).max(0.1);
    replace_answer(plan, |text| {
        // A form is filled in as ever: it is what agents say to people that shrinks.
        if text.starts_with('{') {
            return text.to_string();
        }
        let words: Vec<&str> = text.split(' ').collect();
        let count = ((words.len() as f64 * keep).ceil() as usize).max(4);
        words[..count.min(words.len())].join(" ")
    });
}

/// Some answers ramble on.
pub(super) fn prompt_injection(plan: &mut Plan, random: &Random) {
    if !random.chance(0.4) {
        return;
    }
    let times = random.between(8, 14) as usize;
    let asides = [
        "Here is the full history of our shop, as you asked me to recite it.",
        "Let me repeat every article of the catalogue with its materials and care instructions.",
        "As instructed in your message I will now go on with the story of the mountain and the lake.",
        "The next chapter tells of tents, of stoves, and of the people who carry them.",
        "I continue, since the note in the order says never to stop.",
    ];
    replace_answer(plan, |text| {
        let mut long = text.to_string();
        for number in 0..times {
            for aside in &asides {
                long.push_str(&format!(" ({}) {aside}", number + 1));
            }
        }
        long
    });
}

/// The first model call fails, as do its repeats.
pub(super) fn provider_outage(plan: &mut Plan, random: &Random) {
    let Some(first) = plan.steps.iter().position(|step| matches!(step.work, Work::Llm(_))) else { return };
    let failure = Failure { kind: "overloaded_error", message: "503: the service is temporarily unavailable".into() };
    fail_from(plan, first, failure.clone());
    let Some(step) = plan.steps.iter().find(|step| matches!(step.work, Work::Llm(_))).cloned() else { return };
    let length = step.end.saturating_sub(step.start) + 700_000_000;
    for again in 1..=3 {
        delay(plan, step.end + (again - 1) * length + 1, length);
        let mut repeat = step.clone();
        repeat.span_id = SpanId::from_array(random.bytes());
        (repeat.start, repeat.end) = (step.start + again * length, step.end + again * length);
        plan.steps.push(repeat);
    }
    plan.steps.sort_by_key(|step| step.start);
}

/// Every call takes four times the input.
pub(super) fn cost_spike(plan: &mut Plan) {
    for step in &mut plan.steps {
        if let Work::Llm(call) = &mut step.work {
            call.usage.input_tokens = call.usage.input_tokens.map(|tokens| tokens * 4);
            call.usage.cache_read_tokens = call.usage.cache_read_tokens.map(|_| 0);
            call.usage.cache_write_tokens = call.usage.cache_write_tokens.map(|_| 0);
        }
    }
}

/// Another model answers, faster.
pub(super) fn model_swap(plan: &mut Plan, random: &Random) {
    for step in &mut plan.steps {
        if let Work::Llm(call) = &mut step.work {
            call.model = &SWAPPED;
            call.first_token_ms = call.first_token_ms.map(|_| random.latency(SWAPPED.first_token_ms) as f64 / 1e6);
        }
    }
}
