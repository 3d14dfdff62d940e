"""Traceloop's SDK, pointed at Tawny by its URL: decorated workflow, agent and tool around OpenAI's client, streamed and async."""

import asyncio
import json
import os

import openai
from opentelemetry.trace import format_trace_id, get_current_span
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import agent, tool, workflow

TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
SEEN = {}


@tool(name="get_weather")
def get_weather(city):
    return {"degrees": 4}


@agent(name="weather")
async def weather(question):
    client = openai.OpenAI(base_url=os.environ["FAKE"], api_key="none", max_retries=2)
    said = [{"role": "user", "content": question}]
    first = client.chat.completions.create(model="gpt-4o-mini", messages=said, tools=TOOLS, temperature=0.1)
    get_weather(city="Oslo")
    said += [first.choices[0].message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": "call_1", "content": '{"degrees":4}'}]
    text = ""
    for chunk in client.chat.completions.create(model="gpt-4o-mini", messages=said, stream=True, stream_options={"include_usage": True}):
        text += chunk.choices[0].delta.content or "" if chunk.choices else ""
    # Turned away once; the client asks again by itself.
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "busy"}])
    later = openai.AsyncOpenAI(base_url=os.environ["FAKE"], api_key="none", max_retries=0)
    try:
        await later.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "fail"}])
    except openai.BadRequestError:
        pass
    return text


@workflow(name="weather question")
async def question():
    SEEN["trace_id"] = format_trace_id(get_current_span().get_span_context().trace_id)
    Traceloop.set_association_properties({"session_id": "s-7", "user_id": "grace"})
    return await weather("Weather in Oslo?")


Traceloop.init(app_name="traceloop", api_endpoint=os.environ["TAWNY"], api_key="test", disable_batch=False, telemetry_enabled=False)
asyncio.run(question())
from opentelemetry import trace as current  # noqa: E402  (the SDK sets the provider when it is initialised)

current.get_tracer_provider().force_flush()
print(json.dumps(SEEN))
