// LangSmith's SDK for JavaScript, pointed at Tawny by its URL: traced functions around a wrapped OpenAI client, feedback.

import { Client } from "langsmith";
import { traceable } from "langsmith/traceable";
import { wrapOpenAI } from "langsmith/wrappers";
import OpenAI from "openai";

process.env.LANGSMITH_TRACING = "true";
const smith = new Client({ apiUrl: `${process.env.TAWNY}/langsmith`, apiKey: "lsv2_pt_test" });
const model = wrapOpenAI(new OpenAI({ baseURL: process.env.FAKE, apiKey: "none", maxRetries: 2 }), { client: smith });
const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } } }];

const getWeather = traceable(async ({ city }) => ({ degrees: 4, city }), { name: "get_weather", run_type: "tool", client: smith });
const id = crypto.randomUUID();
const weather = traceable(async (question) => {
  const said = [{ role: "user", content: question }];
  const first = await model.chat.completions.create({ model: "gpt-4o-mini", messages: said, tools, temperature: 0.1 });
  await getWeather({ city: "Oslo" });
  said.push(first.choices[0].message, { role: "tool", tool_call_id: "call_1", content: '{"degrees":4}' });
  let text = "";
  for await (const chunk of await model.chat.completions.create({ model: "gpt-4o-mini", messages: said, stream: true, stream_options: { include_usage: true } })) {
    text += chunk.choices[0]?.delta?.content ?? "";
  }
  // Turned away once; the client asks again by itself.
  await model.chat.completions.create({ model: "gpt-4o-mini", messages: [{ role: "user", content: "busy" }] });
  await model.chat.completions.create({ model: "gpt-4o-mini", messages: [{ role: "user", content: "fail" }] }).catch(() => {});
  return text;
}, { name: "weather", run_type: "chain", client: smith, id, tags: ["prod"], metadata: { session_id: "s-7", user_id: "grace" } });

await weather("Weather in Oslo?");
await smith.awaitPendingTraceBatches();
await smith.createFeedback(id, "correctness", { score: 0.9, comment: "nice" });
console.log(JSON.stringify({ trace_id: id.replaceAll("-", "") }));
