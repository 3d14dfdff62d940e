import { describe, expect, it } from "vitest";
import type { Run } from "@/api/types";
import { asCurl, asTestCase } from "./replay";
import { answer, ask, sampleStep, say } from "./sample";

const body = (curl: string) => JSON.parse(/-d '([\s\S]*)'$/.exec(curl)![1]!.replaceAll("'\\''", "'"));

describe("a model call as curl", () => {
  const input = [
    say("system", "be kind"),
    say("user", "what's up"),
    ask("c1", "look", { q: "owls" }),
    answer("c1", { n: 2 }),
  ];

  it("is a chat completion with the tools' answers as messages", () => {
    const curl = asCurl(
      sampleStep({ span_id: "1", kind: "llm", request_model: "gpt-5-mini", messages: { input, output: [] } }),
    );
    expect(curl).toContain('Bearer $OPENAI_API_KEY"');
    expect(body(curl)).toEqual({
      model: "gpt-5-mini",
      messages: [
        { role: "system", content: "be kind" },
        { role: "user", content: "what's up" },
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: '{"q":"owls"}' } }],
        },
        { role: "tool", content: '{"n":2}', tool_call_id: "c1" },
      ],
    });
  });

  it("has the settings of the call, under the names that are taken", () => {
    const told = {
      "gen_ai.request.temperature": 0.2,
      "gen_ai.request.max_tokens": 800,
      "gen_ai.request.top_k": 40,
      "gen_ai.request.stop_sequences": ["END"],
    };
    const call = (model: string, attributes: Record<string, unknown>) =>
      body(asCurl(sampleStep({ span_id: "1", kind: "llm", model, attributes, messages: { input, output: [] } })));
    expect(call("gpt-4o", told)).toMatchObject({ temperature: 0.2, max_tokens: 800, stop: ["END"] });
    expect(call("gpt-4o", told)).not.toHaveProperty("top_k");
    expect(call("gpt-5-mini", told)).toMatchObject({ max_completion_tokens: 800 });
    expect(call("claude-sonnet-4-5", told)).toMatchObject({ max_tokens: 800, top_k: 40, stop_sequences: ["END"] });
    const other = { "llm.invocation_parameters": '{"temperature": 0, "model": "x"}' };
    expect(call("gpt-4o", other)).toMatchObject({ temperature: 0, model: "gpt-4o" });
  });

  it("goes to whom the call went", () => {
    const url = (provider: string) =>
      asCurl(sampleStep({ span_id: "1", kind: "llm", provider, model: "m", messages: { input, output: [] } }));
    expect(url("gcp.gemini")).toContain("generativelanguage.googleapis.com/v1beta/openai/chat/completions");
    expect(url("mistral_ai")).toContain('Bearer $MISTRAL_API_KEY"');
    expect(url("openai")).toContain("https://api.openai.com/v1}/chat/completions");
  });

  it("is a message of Anthropic's for its models", () => {
    const step = sampleStep({ span_id: "1", kind: "llm", model: "claude-sonnet-4-5", messages: { input, output: [] } });
    const sent = body(asCurl(step));
    expect(sent.system).toBe("be kind");
    expect(sent.messages.map((message: { role: string }) => message.role)).toEqual(["user", "assistant", "user"]);
    expect(sent.messages[2].content[0]).toEqual({ type: "tool_result", tool_use_id: "c1", content: '{"n":2}' });
  });
});

it("a step as a test case says what went in and what came out", () => {
  const run = { trace_id: "t", name: "support" } as Run;
  const llm = sampleStep({
    span_id: "1",
    kind: "llm",
    messages: { input: [say("user", "hi")], output: [say("assistant", "hello"), ask("c", "look", { q: 1 })] },
  });
  expect(JSON.parse(asTestCase(run, llm))).toMatchObject({
    input: { messages: [{ role: "user", content: "hi" }] },
    expected: { text: "hello", tool_calls: [{ name: "look", arguments: { q: 1 } }] },
    source: { trace_id: "t", span_id: "1" },
  });
  const tool = sampleStep({
    span_id: "2",
    kind: "tool",
    tool: { name: "look", call_id: null, arguments: { q: 1 }, result: "owl" },
  });
  expect(JSON.parse(asTestCase(run, tool))).toMatchObject({
    input: { tool: "look", arguments: { q: 1 } },
    expected: { result: "owl" },
  });
});
