"""Datadog's tracer for Python with LLM observability, Tawny in the place of its agent: an agent with a streamed call, a tool, an async
call that fails, an evaluation. It patches OpenAI's client by itself."""

import asyncio
import json
import os

os.environ.update({
    "DD_TRACE_AGENT_URL": os.environ["TAWNY"], "DD_LLMOBS_ML_APP": "weather question", "DD_SERVICE": "shop", "DD_ENV": "staging",
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false", "DD_REMOTE_CONFIGURATION_ENABLED": "false",
})

import openai  # noqa: E402
from ddtrace import tracer  # noqa: E402
from ddtrace.llmobs import LLMObs  # noqa: E402

TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]


async def failing(url):
    client = openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0)
    try:
        await client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "fail"}])
    except openai.BadRequestError:
        pass


def main():
    LLMObs.enable(agentless_enabled=False)
    client = openai.OpenAI(base_url=os.environ["FAKE"], api_key="none", max_retries=2)
    said = [{"role": "user", "content": "Weather in Oslo?"}]
    with LLMObs.agent(name="weather", session_id="s-7") as root:
        LLMObs.annotate(root, input_data="Weather in Oslo?", tags={"user_id": "grace"})
        first = client.chat.completions.create(model="gpt-4o-mini", messages=said, tools=TOOLS, temperature=0.1)
        message = first.choices[0].message
        with LLMObs.tool(name="get_weather") as step:
            LLMObs.annotate(step, input_data={"city": "Oslo"}, output_data={"degrees": 4})
        said += [message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": "call_1", "content": '{"degrees":4}'}]
        text = ""
        for chunk in client.chat.completions.create(model="gpt-4o-mini", messages=said, stream=True, stream_options={"include_usage": True}):
            text += chunk.choices[0].delta.content or "" if chunk.choices else ""
        # Turned away once; the client asks again by itself.
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "busy"}])
        asyncio.run(failing(os.environ["FAKE"]))
        LLMObs.annotate(root, output_data=text)
        trace, span = f"{root.trace_id:032x}", root.span_id
        exported = LLMObs.export_span(root)
    LLMObs.submit_evaluation(label="correctness", metric_type="score", value=0.9, span=exported)
    LLMObs.flush()
    tracer.shutdown()
    print(json.dumps({"trace_id": trace, "root": f"{span:016x}"}))


main()
