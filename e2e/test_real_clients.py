"""Clients from PyPI, unmodified, sending to the real program: what they sent is what the API shows."""

import asyncio
import json
import unittest

import openai
from openinference.instrumentation import using_attributes
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode, format_span_id, format_trace_id

from fake_openai import ANSWER, USAGE, FakeOpenAI
from tawny import Server


def provider(exporter, service):
    """A tracer provider as an application sets it up."""
    made = TracerProvider(resource=Resource.create({
        "service.name": service, "service.version": "1.2.3", "deployment.environment.name": "staging"}))
    made.add_span_processor(BatchSpanProcessor(exporter))
    return made


def messages(role, text):
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def weather_agent(tracer):
    """One run by hand with plain OpenTelemetry and the GenAI conventions. Gives trace id and span ids by step."""
    ids = {}
    with tracer.start_as_current_span("invoke_agent weather", attributes={
        "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "weather", "gen_ai.conversation.id": "conv-1",
        "user.id": "ada", "gen_ai.input.messages": messages("user", "Weather in Oslo?"),
        "gen_ai.output.messages": messages("assistant", "4 degrees."),
    }) as root:
        ids["trace"] = format_trace_id(root.get_span_context().trace_id)
        ids["root"] = format_span_id(root.get_span_context().span_id)
        call = {"type": "tool_call", "id": "call_9", "name": "get_weather", "arguments": {"city": "Oslo"}}
        with tracer.start_as_current_span("chat gpt-4o", attributes={
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-2024-11-20", "gen_ai.response.finish_reasons": ["tool_calls"],
            "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20,
            "gen_ai.usage.cache_read.input_tokens": 64, "gen_ai.usage.reasoning.output_tokens": 8,
            "gen_ai.response.time_to_first_chunk": 0.25,
            "gen_ai.input.messages": messages("user", "Weather in Oslo?"),
            "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [call], "finish_reason": "tool_calls"}]),
        }) as chat:
            ids["chat"] = format_span_id(chat.get_span_context().span_id)
        with tracer.start_as_current_span("execute_tool get_weather", attributes={
            "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "get_weather", "gen_ai.tool.call.id": "call_9",
            "gen_ai.tool.call.arguments": '{"city":"Oslo"}', "my.team": "north",
        }) as tool:
            tool.set_status(Status(StatusCode.ERROR, "no such city"))
            tool.set_attribute("error.type", "KeyError")
            ids["tool"] = format_span_id(tool.get_span_context().span_id)
    return ids


class RealClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.close)

    def check_weather(self, ids):
        answer = self.server.run(ids["trace"])
        run, steps = answer["run"], {step["span_id"]: step for step in answer["steps"]}
        expected = {
            "agent": "weather", "service": "plain", "session_id": "conv-1", "user_id": "ada", "status": "ok",
            "steps": 3, "llm_calls": 1, "tool_calls": 1, "errors": 1, "retries": 0, "environment": "staging",
            "version": "1.2.3", "models": ["gpt-4o-2024-11-20"],
        }
        self.assertEqual({key: run[key] for key in expected}, expected)
        usage = {"input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 64, "reasoning_tokens": 8, "total_tokens": 120}
        self.assertEqual({key: run["usage"][key] for key in usage}, usage)
        self.assertIn("Weather in Oslo?", run["input_preview"])
        self.assertEqual(set(steps), {ids["root"], ids["chat"], ids["tool"]})
        chat, tool = steps[ids["chat"]], steps[ids["tool"]]
        self.assertEqual((chat["kind"], chat["parent_span_id"]), ("llm", ids["root"]))
        self.assertEqual((chat["ttft_ms"], chat["provider"], chat["model"]), (250.0, "openai", "gpt-4o-2024-11-20"))
        self.assertEqual(chat["messages"]["input"][0]["parts"][0]["text"], "Weather in Oslo?")
        self.assertEqual(chat["messages"]["output"][0]["parts"][0]["name"], "get_weather")
        self.assertEqual((tool["kind"], tool["status"], tool["error"]), ("tool", "error", {"type": "KeyError", "message": "no such city"}))
        self.assertEqual(tool["tool"]["arguments"], {"city": "Oslo"})
        self.assertEqual(tool["called_by"], ids["chat"], "the tool is linked to the call that asked for it")
        self.assertEqual(tool["attributes"]["my.team"], "north", "what no convention names is kept")

    def send_weather(self, exporter):
        made = provider(exporter, "plain")
        ids = weather_agent(made.get_tracer("e2e"))
        made.shutdown()
        return ids

    def test_plain_opentelemetry_over_grpc_and_http_shows_what_was_sent_also_after_a_restart(self):
        exporters = {
            "grpc": lambda: GrpcExporter(endpoint=self.server.otlp_grpc, insecure=True),
            "http": lambda: HttpExporter(endpoint=self.server.otlp_http + "/v1/traces"),
            "http gzip": lambda: HttpExporter(endpoint=self.server.otlp_http + "/v1/traces", compression=Compression.Gzip),
            "http deflate": lambda: HttpExporter(endpoint=self.server.otlp_http + "/v1/traces", compression=Compression.Deflate),
            "http on the port of the UI": lambda: HttpExporter(endpoint=self.server.http + "/v1/traces"),
            "http to the base address": lambda: HttpExporter(endpoint=self.server.otlp_http),
        }
        sent = {name: self.send_weather(make()) for name, make in exporters.items()}
        for name, ids in sent.items():
            with self.subTest(name):
                self.check_weather(ids)
        self.server.restart()
        for name, ids in sent.items():
            with self.subTest(f"{name}, after a restart"):
                self.check_weather(ids)

    def test_openinference_instrumented_openai_client(self):
        with FakeOpenAI() as fake:
            made = provider(HttpExporter(endpoint=self.server.otlp_http + "/v1/traces"), "openinference")
            instrumentor = OpenAIInstrumentor()
            instrumentor.instrument(tracer_provider=made)
            try:
                trace = self.converse(made, fake.url)
            finally:
                instrumentor.uninstrument()
                made.shutdown()
        answer = self.server.run(trace)
        run, steps = answer["run"], answer["steps"]
        self.assertEqual((run["service"], run["session_id"], run["user_id"]), ("openinference", "s-7", "grace"))
        calls = [step for step in steps if step["kind"] == "llm"]
        self.assertEqual([step["status"] for step in calls], ["ok", "ok", "ok", "ok", "error"])
        self.assertEqual(run["usage"]["input_tokens"], 4 * USAGE["prompt_tokens"])
        self.assertEqual(run["usage"]["output_tokens"], 4 * USAGE["completion_tokens"])
        self.assertEqual(run["usage"]["cache_read_tokens"], 4 * USAGE["prompt_tokens_details"]["cached_tokens"])
        self.assertEqual(run["usage"]["reasoning_tokens"], 4 * USAGE["completion_tokens_details"]["reasoning_tokens"])
        first, second, streamed, again, failed = calls
        self.assertGreater(streamed["ttft_ms"], 0)
        self.assertEqual(streamed["messages"]["output"][0]["parts"][0]["text"], ANSWER)
        self.assertEqual(again["messages"]["input"][0]["parts"][0]["text"], "busy", "asked twice, told once")
        self.assertEqual(first["messages"]["output"][0]["parts"][0]["arguments"], {"city": "Oslo"})
        self.assertEqual(second["messages"]["output"][0]["parts"][0]["text"], "It is 4 degrees in Oslo.")
        self.assertEqual([message["role"] for message in second["messages"]["input"]], ["system", "user", "assistant", "tool"])
        self.assertIn("the model refuses", failed["error"]["message"])

    def converse(self, made, url):
        client = openai.OpenAI(base_url=url, api_key="none", max_retries=2)
        tools = [{"type": "function", "function": {"name": "get_weather", "description": "Weather of a city.",
                                                  "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
        said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Oslo?"}]
        with made.get_tracer("e2e").start_as_current_span("question") as root, using_attributes(session_id="s-7", user_id="grace"):
            first = client.chat.completions.create(model="gpt-4o-mini", messages=said, tools=tools, temperature=0.1)
            said += [first.choices[0].message.model_dump(exclude_none=True),
                     {"role": "tool", "tool_call_id": "call_1", "content": '{"degrees":4}'}]
            client.chat.completions.create(model="gpt-4o-mini", messages=said, tools=tools)
            chunks = client.chat.completions.create(
                model="gpt-4o-mini", messages=said, stream=True, stream_options={"include_usage": True})
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
            self.assertEqual(text, ANSWER)
            # Turned away once; the client asks again by itself.
            client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "busy"}])
            with self.assertRaises(openai.BadRequestError):
                asyncio.run(self.fail_later(url))
            return format_trace_id(root.get_span_context().trace_id)

    async def fail_later(self, url):
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            await client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "fail"}])


if __name__ == "__main__":
    unittest.main()
