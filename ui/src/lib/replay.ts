/** A step as something to run elsewhere: a model call as a curl command, any step as a test case. Pure. */
import type { Message, Run, Step } from "@/api/types";
import { plainText } from "./conversation";

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
const asText = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value ?? ""));

interface OpenAiMessage {
  role: string;
  content: string | null;
  tool_calls?: { id: string; type: "function"; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
}

/** Messages as chat completions take them: each tool's answer is a message of its own. */
function openAi(messages: readonly Message[]): OpenAiMessage[] {
  return messages.flatMap((message): OpenAiMessage[] => {
    const results = message.parts.flatMap((part) =>
      part.type === "tool_result" ? [{ role: "tool", content: asText(part.result), tool_call_id: part.id ?? "" }] : [],
    );
    const calls = message.parts.flatMap((part) =>
      part.type === "tool_call"
        ? [
            {
              id: part.id ?? "",
              type: "function" as const,
              function: { name: part.name, arguments: asText(part.arguments ?? {}) },
            },
          ]
        : [],
    );
    const content = spoken(message);
    if (!content && calls.length === 0) return results;
    return [
      { role: message.role, content: content || null, ...(calls.length > 0 ? { tool_calls: calls } : {}) },
      ...results,
    ];
  });
}

/** Messages as Anthropic takes them: instructions apart, calls and answers as blocks. */
function anthropic(messages: readonly Message[]) {
  const system = messages
    .filter((message) => message.role === "system")
    .map(spoken)
    .join("\n\n");
  const turns = messages
    .filter((message) => message.role !== "system")
    .map((message) => ({
      role: message.role === "assistant" ? "assistant" : "user",
      content: message.parts.flatMap((part): object[] => {
        if (part.type === "text") return [{ type: "text", text: part.text }];
        if (part.type === "tool_call")
          return [{ type: "tool_use", id: part.id ?? "", name: part.name, input: part.arguments ?? {} }];
        if (part.type === "tool_result")
          return [{ type: "tool_result", tool_use_id: part.id ?? "", content: asText(part.result) }];
        return [];
      }),
    }));
  return { ...(system ? { system } : {}), messages: turns };
}

const spoken = (message: Message) =>
  message.parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");

/** A model call as a command that makes it again. Keys come from the environment; what the sender left out is left out. */
export function asCurl(step: Step): string {
  const model = step.request_model ?? step.model ?? "";
  const said = step.messages.input.length > 0 ? step.messages.input : fallback(step);
  const isAnthropic = /anthropic/i.test(step.provider ?? "") || /^claude/i.test(model);
  const tools = step.tool_definitions;
  const schema = (tool: (typeof tools)[number]) => tool.parameters ?? { type: "object" };
  const body = isAnthropic
    ? {
        model,
        max_tokens: 4096,
        ...anthropic(said),
        ...(tools.length > 0
          ? {
              tools: tools.map((tool) => ({
                name: tool.name,
                description: tool.description ?? "",
                input_schema: schema(tool),
              })),
            }
          : {}),
      }
    : {
        model,
        messages: openAi(said),
        ...(tools.length > 0
          ? {
              tools: tools.map((tool) => ({
                type: "function",
                function: { name: tool.name, description: tool.description ?? "", parameters: schema(tool) },
              })),
            }
          : {}),
      };
  const [url, headers] = isAnthropic
    ? [
        quoted("https://api.anthropic.com/v1/messages"),
        ['-H "x-api-key: $ANTHROPIC_API_KEY"', "-H 'anthropic-version: 2023-06-01'"],
      ]
    : [
        `"\${OPENAI_BASE_URL:-https://api.openai.com/v1}/chat/completions"`,
        ['-H "authorization: Bearer $OPENAI_API_KEY"'],
      ];
  return [
    `curl -sS ${url}`,
    ...headers,
    "-H 'content-type: application/json'",
    `-d ${quoted(JSON.stringify(body, null, 2))}`,
  ].join(" \\\n  ");
}

function fallback(step: Step): Message[] {
  return step.input == null ? [] : [{ role: "user", parts: [{ type: "text", text: asText(step.input) }] }];
}

/** A step as a test case: what went in, what came out, where it is from. */
export function asTestCase(run: Run, step: Step): string {
  const asked = step.messages.output.flatMap((message) =>
    message.parts.flatMap((part) =>
      part.type === "tool_call" ? [{ name: part.name, arguments: part.arguments }] : [],
    ),
  );
  const answered = step.messages.output.map(plainText).filter(Boolean).join("\n");
  const input =
    step.kind === "tool"
      ? { tool: step.tool?.name, arguments: step.tool?.arguments ?? step.input }
      : step.messages.input.length > 0
        ? { messages: openAi(step.messages.input), tools: step.tool_definitions.map((tool) => tool.name) }
        : { input: step.input ?? step.input_preview };
  const expected =
    step.kind === "tool"
      ? { result: step.tool?.result ?? step.output }
      : {
          ...(answered ? { text: answered } : {}),
          ...(asked.length > 0 ? { tool_calls: asked } : {}),
          ...(!answered && asked.length === 0 ? { output: step.output ?? step.output_preview } : {}),
        };
  return JSON.stringify(
    {
      name: `${step.agent ?? run.name}: ${step.name}`,
      kind: step.kind,
      model: step.request_model ?? step.model ?? undefined,
      input,
      expected,
      ...(step.error ? { failed_with: step.error } : {}),
      source: { trace_id: run.trace_id, span_id: step.span_id, started_at: step.started_at },
    },
    null,
    2,
  );
}
