//! OpenTelemetry's GenAI conventions with their current keys; messages as JSON text on spans.

use model::{Document, Message, Part};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value as Json, json};

use super::{Attributes, Told};
use crate::plan::{LlmCall, Plan, Step, Work};

pub(super) fn told(plan: &Plan, step: &Step) -> Told {
    let mut out = Attributes::default();
    let (name, kind) = match &step.work {
        Work::Agent { name, description, input, output } => {
            out.text("gen_ai.operation.name", "invoke_agent");
            out.text("gen_ai.agent.name", name);
            out.text("gen_ai.agent.description", description);
            out.text("gen_ai.agent.version", plan.service.version);
            out.json_text("gen_ai.input.messages", &json!([said("user", input)]));
            if let Some(output) = output {
                out.json_text("gen_ai.output.messages", &json!([said("assistant", output)]));
            }
            (format!("invoke_agent {name}"), SpanKind::Internal)
        }
        Work::Workflow { name, input, output } => {
            out.text("gen_ai.operation.name", "invoke_workflow");
            out.text("gen_ai.workflow.name", name);
            out.json_text("gen_ai.input.messages", &json!([said("user", input)]));
            if let Some(output) = output {
                out.json_text("gen_ai.output.messages", &json!([said("assistant", output)]));
            }
            (format!("invoke_workflow {name}"), SpanKind::Internal)
        }
        Work::Llm(call) => {
            model_call(&mut out, call);
            (format!("chat {}", call.model.name), SpanKind::Client)
        }
        Work::Tool { name, description, call_id, arguments, result } => {
            tool(&mut out, name, description, call_id, arguments, result.as_ref());
            (format!("execute_tool {name}"), SpanKind::Internal)
        }
        Work::Handoff { to, reason, .. } => {
            // The conventions have no operation for a handoff; frameworks write it as a transfer tool.
            let tool_name = format!("transfer_to_{to}");
            let description = format!("Hands the conversation over to {to}.");
            tool(&mut out, &tool_name, &description, "", &json!({"reason": reason}), Some(&json!({"agent": to})));
            (format!("execute_tool {tool_name}"), SpanKind::Internal)
        }
        Work::Guardrail { name, text, passed } => {
            let description = "Checks a text before it goes on.";
            tool(&mut out, name, description, "", &json!({"text": text}), Some(&json!({"passed": passed})));
            (format!("execute_tool {name}"), SpanKind::Internal)
        }
        Work::Retrieval { source, query, documents } => {
            out.text("gen_ai.operation.name", "retrieval");
            out.text("gen_ai.data_source.id", source);
            out.text("gen_ai.retrieval.query.text", query);
            out.int("gen_ai.retrieval.top_k", documents.len() as u64);
            out.json_text("gen_ai.retrieval.documents", &documents.iter().map(document).collect());
            (format!("retrieval {source}"), SpanKind::Client)
        }
        Work::Rerank { model, query, after, .. } => {
            out.text("gen_ai.operation.name", "retrieval");
            out.text("gen_ai.data_source.id", model);
            out.text("gen_ai.retrieval.query.text", query);
            out.json_text("gen_ai.retrieval.documents", &after.iter().map(document).collect());
            (format!("retrieval {model}"), SpanKind::Client)
        }
        Work::Embedding { model, tokens, .. } => {
            out.text("gen_ai.operation.name", "embeddings");
            out.text("gen_ai.provider.name", "openai");
            out.text("gen_ai.request.model", model);
            out.text("gen_ai.response.model", model);
            out.int("gen_ai.usage.input_tokens", *tokens);
            out.int("gen_ai.embeddings.dimension.count", 1536);
            (format!("embeddings {model}"), SpanKind::Client)
        }
    };
    out.text("gen_ai.conversation.id", &plan.session);
    if step.parent.is_none() {
        out.text("user.id", &plan.user);
        out.text("agent.task.type", plan.task);
    }
    if let (Some(agent), false) = (step.agent, matches!(step.work, Work::Agent { .. })) {
        out.text("gen_ai.agent.name", agent);
    }
    if let Some(failure) = &step.error {
        out.text("error.type", failure.kind);
    }
    Told { name, kind, attributes: out, events: Vec::new() }
}

fn model_call(out: &mut Attributes, call: &LlmCall) {
    out.text("gen_ai.operation.name", "chat");
    out.text("gen_ai.provider.name", call.model.provider);
    out.text("gen_ai.request.model", call.model.name);
    out.int("gen_ai.request.max_tokens", call.max_tokens);
    if let Some(temperature) = call.temperature {
        out.double("gen_ai.request.temperature", temperature);
    }
    out.bool("gen_ai.request.stream", true);
    out.text("server.address", call.model.host);
    out.int("server.port", 443);
    out.json_text("gen_ai.system_instructions", &json!([{"type": "text", "content": &*call.system}]));
    out.json_text("gen_ai.input.messages", &call.input.iter().map(message).collect());
    let tools: Vec<Json> = call
        .tools
        .iter()
        .map(|tool| json!({"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.parameters}))
        .collect();
    if !tools.is_empty() {
        out.json_text("gen_ai.tool.definitions", &Json::from(tools));
    }
    let Some(output) = &call.output else { return };
    out.text("gen_ai.response.model", call.model.answers_as);
    if let Some(id) = &call.response_id {
        out.text("gen_ai.response.id", id);
    }
    if let Some(reason) = call.finish_reason {
        out.texts("gen_ai.response.finish_reasons", &[reason]);
    }
    if let Some(first) = call.first_token_ms {
        out.double("gen_ai.response.time_to_first_chunk", first / 1e3);
    }
    let usage = &call.usage;
    out.some_int("gen_ai.usage.input_tokens", usage.input_tokens);
    out.some_int("gen_ai.usage.output_tokens", usage.output_tokens);
    out.some_int("gen_ai.usage.cache_read.input_tokens", usage.cache_read_tokens);
    out.some_int("gen_ai.usage.cache_write.input_tokens", usage.cache_write_tokens);
    out.some_int("gen_ai.usage.reasoning.output_tokens", usage.reasoning_tokens);
    out.json_text("gen_ai.output.messages", &json!([message(output)]));
}

fn tool(out: &mut Attributes, name: &str, description: &str, id: &str, arguments: &Json, result: Option<&Json>) {
    out.text("gen_ai.operation.name", "execute_tool");
    out.text("gen_ai.tool.name", name);
    out.text("gen_ai.tool.type", "function");
    out.text("gen_ai.tool.description", description);
    if !id.is_empty() {
        out.text("gen_ai.tool.call.id", id);
    }
    out.json_text("gen_ai.tool.call.arguments", arguments);
    if let Some(result) = result {
        out.json_text("gen_ai.tool.call.result", result);
    }
}

fn said(role: &str, text: &str) -> Json {
    json!({"role": role, "parts": [{"type": "text", "content": text}]})
}

fn message(message: &Message) -> Json {
    let parts: Vec<Json> = message
        .parts
        .iter()
        .map(|part| match part {
            Part::Text { text } => json!({"type": "text", "content": text}),
            Part::Reasoning { text } => json!({"type": "reasoning", "content": text}),
            Part::ToolCall { id, name, arguments } => {
                json!({"type": "tool_call", "id": id, "name": name, "arguments": arguments})
            }
            Part::ToolResult { id, result } => json!({"type": "tool_call_response", "id": id, "response": result}),
            Part::Media { modality, reference, .. } => json!({"type": "uri", "modality": modality, "uri": reference}),
            Part::Other { value } => value.clone(),
        })
        .collect();
    let mut out = json!({"role": message.role.as_str(), "parts": parts});
    if let Some(reason) = &message.finish_reason {
        out["finish_reason"] = json!(reason);
    }
    out
}

fn document(document: &Document) -> Json {
    json!({"id": document.id, "score": document.score, "content": document.content,
        "title": document.metadata.as_ref().map(|data| data["title"].clone())})
}
