"""OpenAI's Agents SDK with its own exporter, pointed at Tawny: handoff, tool, guardrail, a streamed run, a model that refuses."""

import asyncio
import json
import os

from agents import (Agent, GuardrailFunctionOutput, OpenAIResponsesModel, Runner, function_tool, gen_trace_id, input_guardrail,
                    set_trace_processors, trace)
from agents.tracing.processors import BackendSpanExporter, BatchTraceProcessor
from openai import AsyncOpenAI, BadRequestError


@function_tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return '{"degrees":4}'


@input_guardrail
async def polite(context, agent, said):
    return GuardrailFunctionOutput(output_info="fine", tripwire_triggered=False)


async def main():
    processor = BatchTraceProcessor(BackendSpanExporter(api_key="sk-test", endpoint=os.environ["TAWNY"] + "/v1/traces/ingest"))
    set_trace_processors([processor])
    client = AsyncOpenAI(base_url=os.environ["FAKE"], api_key="none", max_retries=2)
    model = OpenAIResponsesModel(model="gpt-4o-mini", openai_client=client)
    agent = Agent(name="weather", instructions="Be brief.", model=model, tools=[get_weather], input_guardrails=[polite])
    chosen = gen_trace_id()
    with trace("weather question", trace_id=chosen, group_id="s-7", metadata={"user_id": "grace"}):
        await Runner.run(agent, "Weather in Oslo?")
        streamed = Runner.run_streamed(agent, "And tomorrow?")
        async for _ in streamed.stream_events():
            pass
        # Turned away once; the client asks again by itself.
        await Runner.run(Agent(name="patient", model=model), "busy")
        try:
            await Runner.run(Agent(name="refuser", model=model), "fail")
        except BadRequestError:
            pass
    processor.force_flush()
    processor.shutdown()
    print(json.dumps({"trace_id": chosen.removeprefix("trace_")}))


asyncio.run(main())
