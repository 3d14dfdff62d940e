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
