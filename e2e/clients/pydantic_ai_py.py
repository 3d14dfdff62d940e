"""Pydantic AI with its own instrumentation, exporting to Tawny: a tool, a streamed answer, a model that refuses."""

import asyncio
import json
import os

from openai import AsyncOpenAI
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import format_trace_id
from pydantic_ai import Agent, InstrumentationSettings
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


async def main():
    provider = TracerProvider(resource=Resource.create({"service.name": "pydantic"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=os.environ["TAWNY"] + "/v1/traces")))
    Agent.instrument_all(InstrumentationSettings(tracer_provider=provider))
    client = AsyncOpenAI(base_url=os.environ["FAKE"], api_key="none", max_retries=2)
    agent = Agent(OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider(openai_client=client)), name="weather", instructions="Be brief.")

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """Weather of a city."""
        return '{"degrees":4}'

    with provider.get_tracer("e2e").start_as_current_span("question", attributes={"session.id": "s-7", "user.id": "grace"}) as root:
        await agent.run("Weather in Oslo?")
        async with agent.run_stream("And tomorrow?") as answer:
            await answer.get_output()
        # Turned away once; the client asks again by itself.
        await Agent(agent.model, name="patient").run("busy")
        try:
            await agent.run("fail")
        except ModelHTTPError:
            pass
    provider.shutdown()
    print(json.dumps({"trace_id": format_trace_id(root.get_span_context().trace_id)}))


asyncio.run(main())
