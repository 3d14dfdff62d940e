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

/** Who else answers chat completions: by the provider's name, where and with which key. */
const COMPATIBLE: [RegExp, string, string][] = [
  [/gemini|gen_ai|google/i, "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"],
  [/mistral/i, "https://api.mistral.ai/v1", "MISTRAL_API_KEY"],
  [/groq/i, "https://api.groq.com/openai/v1", "GROQ_API_KEY"],
  [/deepseek/i, "https://api.deepseek.com", "DEEPSEEK_API_KEY"],
  [/x_?ai$/i, "https://api.x.ai/v1", "XAI_API_KEY"],
];

/** What a call was told beside its messages. */
const SETTINGS = ["max_tokens", "temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed"];

/** The settings the sender told, under the names they have in attributes. */
function settings({ attributes }: Step): Record<string, unknown> {
  const told = attributes["llm.invocation_parameters"];
  const object: unknown = typeof told === "string" ? parsed(told) : told;
  const others = (typeof object === "object" && object !== null ? object : {}) as Record<string, unknown>;
  return Object.fromEntries(
    [...SETTINGS, "stop_sequences"].flatMap((name) => {
      const value = attributes[`gen_ai.request.${name}`] ?? others[name];
      return value == null ? [] : [[name, value]];
    }),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The settings as chat completions call them. */
function openAiSettings(step: Step, model: string): Record<string, unknown> {
  const { max_tokens, stop_sequences, top_k: _, ...same } = settings(step);
  // Models that think refuse the older name.
  const most = /^(o\d|gpt-5)/.test(model) ? "max_completion_tokens" : "max_tokens";
  return {
    ...(max_tokens === undefined ? {} : { [most]: max_tokens }),
    ...same,
    ...(stop_sequences === undefined ? {} : { stop: stop_sequences }),
  };
}

/** The settings as Anthropic takes them; a bound of the answer is a must there. */
function anthropicSettings(step: Step): Record<string, unknown> {
  const { frequency_penalty: _, presence_penalty: __, seed: ___, ...same } = settings(step);
  return { max_tokens: 4096, ...same };
}

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
        ...anthropicSettings(step),
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
        ...openAiSettings(step, model),
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
  const other = COMPATIBLE.find(([name]) => name.test(step.provider ?? ""));
  const [url, headers] = isAnthropic
    ? [
        quoted("https://api.anthropic.com/v1/messages"),
        ['-H "x-api-key: $ANTHROPIC_API_KEY"', "-H 'anthropic-version: 2023-06-01'"],
      ]
    : other
      ? [quoted(`${other[1]}/chat/completions`), [`-H "authorization: Bearer $${other[2]}"`]]
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
