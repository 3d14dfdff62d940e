// Vercel's AI SDK with its OpenTelemetry integration, exporting to Tawny: a tool loop, a streamed one, a model that refuses.

import { createOpenAI } from "@ai-sdk/openai";
import { OpenTelemetry } from "@ai-sdk/otel";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { generateText, isStepCount, registerTelemetry, streamText, tool } from "ai";
import { z } from "zod";

const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": "vercel" }),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${process.env.TAWNY}/v1/traces` }))],
});
provider.register();
registerTelemetry(new OpenTelemetry());

const openai = createOpenAI({ baseURL: process.env.FAKE, apiKey: "none" });
const common = {
  model: openai.chat("gpt-4o-mini"),
  tools: {
    get_weather: tool({ description: "Weather of a city.", inputSchema: z.object({ city: z.string() }), execute: async () => ({ degrees: 4 }) }),
  },
  stopWhen: isStepCount(4),
  maxRetries: 0,
  telemetry: { isEnabled: true, functionId: "weather" },
};

const tracer = provider.getTracer("e2e");
const traceId = await tracer.startActiveSpan("question", { attributes: { "session.id": "s-7", "user.id": "grace" } }, async (root) => {
  await generateText({ ...common, prompt: "Weather in Oslo?" });
  await streamText({ ...common, prompt: "And tomorrow?" }).text;
  // Turned away once; the SDK asks again by itself.
  await generateText({ ...common, tools: undefined, maxRetries: 2, prompt: "busy" });
  await generateText({ ...common, tools: undefined, prompt: "fail" }).catch(() => {});
  root.end();
  return root.spanContext().traceId;
});
await provider.shutdown();
console.log(JSON.stringify({ trace_id: traceId }));
