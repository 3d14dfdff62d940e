//! OpenInference: everything flattened into numbered keys.

use model::{Document, Message, Part, Timestamp};
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use serde_json::{Value as Json, json};

use super::{Attributes, Told, absolute};
use crate::plan::{LlmCall, Plan, Step, Work};

pub(super) fn told(plan: &Plan, step: &Step, start: Timestamp) -> Told {
    let mut out = Attributes::default();
    let mut events = Vec::new();
    let name = match &step.work {
        Work::Agent { name, input, output, .. } => {
            kind(&mut out, "AGENT");
            out.text("agent.name", name);
            value(&mut out, "input", input);
            if let Some(output) = output {
                value(&mut out, "output", output);
            }
            (*name).to_string()
        }
        Work::Workflow { name, input, output } => {
            kind(&mut out, "CHAIN");
            value(&mut out, "input", input);
            if let Some(output) = output {
                value(&mut out, "output", output);
            }
            (*name).to_string()
        }
        Work::Llm(call) => {
            model_call(&mut out, call);
            if let Some(first) = call.first_token_ms {
                events.push(Event {
                    time_unix_nano: absolute(start, step.start + (first * 1e6) as u64),
                    name: "First Token Stream Event".into(),
                    ..Event::default()
                });
            }
            "ChatCompletion".to_string()
        }
        Work::Tool { name, description, arguments, result, .. } => {
            kind(&mut out, "TOOL");
            out.text("tool.name", name);
            out.text("tool.description", description);
            json_value(&mut out, "input", arguments);
            if let Some(result) = result {
                json_value(&mut out, "output", result);
            }
            (*name).to_string()
        }
        Work::Handoff { from, to, reason } => {
            kind(&mut out, "TOOL");
            out.text("graph.node.id", to);
            out.text("graph.node.parent_id", from);
            value(&mut out, "input", reason);
            format!("handoff to {to}")
        }
        Work::Guardrail { name, text, passed } => {
            kind(&mut out, "GUARDRAIL");
            value(&mut out, "input", text);
            json_value(&mut out, "output", &json!({"passed": passed}));
            (*name).to_string()
        }
        Work::Retrieval { source, query, documents: found } => {
            kind(&mut out, "RETRIEVER");
            value(&mut out, "input", query);
            documents(&mut out, "retrieval.documents", found);
            (*source).to_string()
        }
        Work::Rerank { model, query, before, after } => {
            kind(&mut out, "RERANKER");
            out.text("reranker.query", query);
            out.text("reranker.model_name", model);
            out.int("reranker.top_k", after.len() as u64);
            documents(&mut out, "reranker.input_documents", before);
            documents(&mut out, "reranker.output_documents", after);
            "rerank".to_string()
        }
        Work::Embedding { model, text, tokens } => {
            kind(&mut out, "EMBEDDING");
            out.text("embedding.model_name", model);
            out.text("embedding.embeddings.0.embedding.text", text);
            out.int("llm.token_count.prompt", *tokens);
            out.int("llm.token_count.total", *tokens);
            "CreateEmbeddings".to_string()
        }
    };
    out.text("session.id", &plan.session);
    out.text("user.id", &plan.user);
    if step.parent.is_none() {
        out.json_text("metadata", &json!({"task_type": plan.task, "instance": plan.service.instance}));
        out.texts("tag.tags", &[plan.task, plan.service.environment]);
    }
    Told { name, kind: SpanKind::Internal, attributes: out, events }
}

fn kind(out: &mut Attributes, word: &str) {
    out.text("openinference.span.kind", word);
}

fn value(out: &mut Attributes, side: &str, text: &str) {
    out.text(&format!("{side}.value"), text);
    out.text(&format!("{side}.mime_type"), "text/plain");
}

fn json_value(out: &mut Attributes, side: &str, value: &Json) {
    out.json_text(&format!("{side}.value"), value);
    out.text(&format!("{side}.mime_type"), "application/json");
}

fn model_call(out: &mut Attributes, call: &LlmCall) {
    kind(out, "LLM");
    out.text("llm.system", call.model.provider);
    out.text("llm.provider", call.model.provider);
    let answered = call.output.is_some();
    out.text("llm.model_name", if answered { call.model.answers_as } else { call.model.name });
    out.json_text("llm.invocation_parameters", &json!({"model": call.model.name, "temperature": call.temperature, "max_tokens": call.max_tokens, "stream": true}));
    let system = Message::text(model::Role::System, &*call.system);
    for (at, said) in std::iter::once(&system).chain(&call.input).enumerate() {
        message(out, &format!("llm.input_messages.{at}.message"), said);
    }
    for (at, tool) in call.tools.iter().enumerate() {
        let schema = json!({"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}});
        out.json_text(&format!("llm.tools.{at}.tool.json_schema"), &schema);
    }
    let Some(output) = &call.output else { return };
    message(out, "llm.output_messages.0.message", output);
    json_value(
        out,
        "output",
        &json!({"id": call.response_id, "model": call.model.answers_as, "object": "chat.completion"}),
    );
    if let Some(reason) = call.finish_reason {
        out.text("llm.finish_reason", reason);
    }
    let usage = &call.usage;
    out.some_int("llm.token_count.prompt", usage.input_tokens);
    out.some_int("llm.token_count.completion", usage.output_tokens);
    out.some_int("llm.token_count.total", usage.total_tokens());
    out.some_int("llm.token_count.prompt_details.cache_read", usage.cache_read_tokens);
    out.some_int("llm.token_count.prompt_details.cache_write", usage.cache_write_tokens);
    out.some_int("llm.token_count.completion_details.reasoning", usage.reasoning_tokens);
}

fn message(out: &mut Attributes, at: &str, message: &Message) {
    out.text(&format!("{at}.role"), message.role.as_str());
    let text = message.plain_text();
    if !text.is_empty() {
        out.text(&format!("{at}.content"), &text);
    }
    let mut calls = 0;
    for part in &message.parts {
        match part {
            Part::ToolCall { id, name, arguments } => {
                let call = format!("{at}.tool_calls.{calls}.tool_call");
                out.text(&format!("{call}.id"), id.as_deref().unwrap_or_default());
                out.text(&format!("{call}.function.name"), name);
                out.json_text(&format!("{call}.function.arguments"), arguments);
                calls += 1;
            }
            Part::ToolResult { id, result } => {
                out.text(&format!("{at}.tool_call_id"), id.as_deref().unwrap_or_default());
                out.json_text(&format!("{at}.content"), result);
            }
            _ => {}
        }
    }
}

fn documents(out: &mut Attributes, list: &str, documents: &[Document]) {
    for (at, document) in documents.iter().enumerate() {
        let key = format!("{list}.{at}.document");
        if let Some(id) = &document.id {
            out.text(&format!("{key}.id"), id);
        }
        if let Some(score) = document.score {
            out.double(&format!("{key}.score"), score);
        }
        if let Some(content) = &document.content {
            out.text(&format!("{key}.content"), content);
        }
        if let Some(metadata) = &document.metadata {
            out.json_text(&format!("{key}.metadata"), metadata);
        }
    }
}
