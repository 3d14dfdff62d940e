/** Steps and messages for tests: everything a step must have, with what matters overridden. */
import type { Message, Step } from "@/api/types";

export function sampleStep(over: Partial<Step> & Pick<Step, "span_id" | "kind">): Step {
  return {
    parent_span_id: null,
    shown_parent_span_id: null,
    depth: 0,
    orphan: false,
    name: over.kind,
    status: "ok",
    started_at: "2026-11-21T12:00:00Z",
    ended_at: "2026-11-21T12:00:01Z",
    duration_ms: 1000,
    own_ms: 1000,
    critical_ms: null,
    folded: 0,
    model: null,
    request_model: null,
    provider: null,
    usage: {
      input_tokens: null,
      output_tokens: null,
      cache_read_tokens: null,
      cache_write_tokens: null,
      reasoning_tokens: null,
      total_tokens: null,
    },
    cost_usd: null,
    cost_source: null,
    counted: true,
    not_counted_because: null,
    ttft_ms: null,
    finish_reason: null,
    agent: null,
    version: null,
    workflow: null,
    tool: null,
    retrieval: null,
    messages: { input: [], output: [] },
    input: null,
    output: null,
    tool_definitions: [],
    requested_tool_calls: [],
    called_by: null,
    retry_of: null,
    error: null,
    input_preview: null,
    output_preview: null,
    service: null,
    session_id: null,
    user_id: null,
    response_id: null,
    prompt: null,
    tags: [],
    told_by: "span",
    scores: [],
    dialect: "otel_genai",
    attributes: {},
    events: [],
    links: [],
    ...over,
  };
}

export const say = (role: Message["role"], text: string): Message => ({ role, parts: [{ type: "text", text }] });

export const ask = (id: string | null, name: string, args: unknown = {}): Message => ({
  role: "assistant",
  parts: [{ type: "tool_call", ...(id ? { id } : {}), name, arguments: args }],
});

export const answer = (id: string | null, result: unknown): Message => ({
  role: "tool",
  parts: [{ type: "tool_result", ...(id ? { id } : {}), result }],
});
