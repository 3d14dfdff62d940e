// Langfuse's SDK for JavaScript (version 3: events in batches), pointed at Tawny by its URL.

import { Langfuse } from "langfuse";
import OpenAI from "openai";

const langfuse = new Langfuse({ publicKey: "pk-lf-test", secretKey: "sk-lf-test", baseUrl: process.env.TAWNY, release: "1.2.3" });
const client = new OpenAI({ baseURL: process.env.FAKE, apiKey: "none", maxRetries: 2 });
const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } } }];
const usage = (told) => ({ input: told.prompt_tokens, output: told.completion_tokens, total: told.total_tokens });

// The SDK of this version takes any id; one in OpenTelemetry's form can be looked up as it is.
const id = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const trace = langfuse.trace({ id, name: "weather", sessionId: "s-7", userId: "grace", tags: ["prod"], input: "Weather in Oslo?" });
const said = [{ role: "user", content: "Weather in Oslo?" }];

const first = trace.generation({ name: "chat", model: "gpt-4o-mini", input: said, modelParameters: { temperature: 0.1 } });
const answer = await client.chat.completions.create({ model: "gpt-4o-mini", messages: said, tools, temperature: 0.1 });
first.end({ output: answer.choices[0].message, usageDetails: usage(answer.usage) });

const tool = trace.span({ name: "get_weather", input: { city: "Oslo" }, metadata: {} });
tool.end({ output: { degrees: 4 } });

said.push(answer.choices[0].message, { role: "tool", tool_call_id: "call_1", content: '{"degrees":4}' });
const second = trace.generation({ name: "chat", model: "gpt-4o-mini", input: said });
let text = "";
let used;
for await (const chunk of await client.chat.completions.create({ model: "gpt-4o-mini", messages: said, stream: true, stream_options: { include_usage: true } })) {
  text += chunk.choices[0]?.delta?.content ?? "";
  used = chunk.usage ?? used;
}
second.update({ completionStartTime: new Date() });
second.end({ output: { role: "assistant", content: text }, usageDetails: usage(used) });

// Turned away once; the client asks again by itself.
const busy = [{ role: "user", content: "busy" }];
const again = trace.generation({ name: "again", model: "gpt-4o-mini", input: busy });
const later = await client.chat.completions.create({ model: "gpt-4o-mini", messages: busy });
again.end({ output: later.choices[0].message, usageDetails: usage(later.usage) });

const failed = trace.generation({ name: "ask", model: "gpt-4o-mini", input: [{ role: "user", content: "fail" }] });
await client.chat.completions.create({ model: "gpt-4o-mini", messages: [{ role: "user", content: "fail" }] })
  .catch((error) => failed.end({ level: "ERROR", statusMessage: String(error.message) }));

trace.update({ output: text });
langfuse.score({ traceId: id, name: "correctness", value: 0.9 });
await langfuse.shutdownAsync();
console.log(JSON.stringify({ trace_id: id }));
