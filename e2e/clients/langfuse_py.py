"""Langfuse's SDK for Python, pointed at Tawny by its URL: an agent with a streamed call, a tool, an async call that fails, a score."""

import asyncio
import json
import os

import openai
from langfuse import Langfuse, propagate_attributes

TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]


def usage(answer):
    return {"input": answer.prompt_tokens, "output": answer.completion_tokens, "total": answer.total_tokens}


async def failing(langfuse, url):
    client = openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0)
    with langfuse.start_as_current_observation(as_type="generation", name="ask", model="gpt-4o-mini", input="fail") as step:
        try:
            await client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "fail"}])
        except openai.BadRequestError as error:
            step.update(level="ERROR", status_message=str(error))


def main():
    langfuse = Langfuse(public_key="pk-lf-test", secret_key="sk-lf-test", base_url=os.environ["TAWNY"], environment="staging", release="1.2.3")
    assert langfuse.auth_check(), "the keys were not taken"
    client = openai.OpenAI(base_url=os.environ["FAKE"], api_key="none", max_retries=2)
    said = [{"role": "user", "content": "Weather in Oslo?"}]
    with langfuse.start_as_current_observation(as_type="agent", name="weather", input="Weather in Oslo?") as root:
        with propagate_attributes(session_id="s-7", user_id="grace", tags=["prod"], trace_name="weather question"):
            with langfuse.start_as_current_observation(as_type="generation", name="chat", model="gpt-4o-mini", input=said,
                                                       model_parameters={"temperature": 0.1}) as step:
                first = client.chat.completions.create(model="gpt-4o-mini", messages=said, tools=TOOLS, temperature=0.1)
                message = first.choices[0].message
                step.update(output=message.model_dump(exclude_none=True), usage_details=usage(first.usage))
            with langfuse.start_as_current_observation(as_type="tool", name="get_weather", input={"city": "Oslo"}) as step:
                step.update(output={"degrees": 4})
            said += [message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": "call_1", "content": '{"degrees":4}'}]
            with langfuse.start_as_current_observation(as_type="generation", name="chat", model="gpt-4o-mini", input=said) as step:
                text, used = "", None
                for chunk in client.chat.completions.create(model="gpt-4o-mini", messages=said, stream=True, stream_options={"include_usage": True}):
                    used = chunk.usage or used
                    text += chunk.choices[0].delta.content or "" if chunk.choices else ""
                step.update(output={"role": "assistant", "content": text}, usage_details=usage(used))
            with langfuse.start_as_current_observation(as_type="generation", name="again", model="gpt-4o-mini", input="busy") as step:
                # Turned away once; the client asks again by itself.
                again = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "busy"}])
                step.update(output=again.choices[0].message.model_dump(exclude_none=True), usage_details=usage(again.usage))
            asyncio.run(failing(langfuse, os.environ["FAKE"]))
        root.update(output=text)
        trace, span = root.trace_id, root.id
    langfuse.create_score(name="correctness", value=0.9, trace_id=trace, observation_id=span, data_type="NUMERIC", comment="nice")
    langfuse.flush()
    langfuse.shutdown()
    print(json.dumps({"trace_id": trace, "root": span}))


main()
