"""LangSmith's SDK for Python, pointed at Tawny by its URL: traced functions around a wrapped OpenAI client, feedback.

`MODE` chooses how the SDK sends: `default` (multipart, zstd once the server offers it), `batch`, `single`.
"""

import asyncio
import json
import os
import time

import openai
from langsmith import Client, traceable, uuid7
from langsmith.wrappers import wrap_openai

TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]


os.environ["LANGSMITH_TRACING"] = "true"


def client_for(mode):
    common = {"api_url": os.environ["TAWNY"] + "/langsmith", "api_key": "lsv2_pt_test"}
    if mode == "single":
        return Client(**common, auto_batch_tracing=False)
    if mode == "batch":
        return Client(**common, info={"batch_ingest_config": {
            "use_multipart_endpoint": False, "scale_up_qsize_trigger": 1000, "scale_up_nthreads_limit": 16,
            "scale_down_nempty_trigger": 4, "size_limit": 100, "size_limit_bytes": 20971520}})
    return Client(**common)


def main():
    smith = client_for(os.environ.get("MODE", "default"))
    model = wrap_openai(openai.OpenAI(base_url=os.environ["FAKE"], api_key="none", max_retries=2))
    later = wrap_openai(openai.AsyncOpenAI(base_url=os.environ["FAKE"], api_key="none", max_retries=0))

    @traceable(run_type="tool", client=smith)
    def get_weather(city):
        return {"degrees": 4}

    @traceable(run_type="chain", name="weather", client=smith, tags=["prod"])
    async def weather(question):
        said = [{"role": "user", "content": question}]
        first = model.chat.completions.create(model="gpt-4o-mini", messages=said, tools=TOOLS, temperature=0.1)
        get_weather(city="Oslo")
        said += [first.choices[0].message.model_dump(exclude_none=True),
                 {"role": "tool", "tool_call_id": "call_1", "content": '{"degrees":4}'}]
        text = ""
        for chunk in model.chat.completions.create(model="gpt-4o-mini", messages=said, stream=True, stream_options={"include_usage": True}):
            text += chunk.choices[0].delta.content or "" if chunk.choices else ""
        # Turned away once; the client asks again by itself.
        model.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "busy"}])
        try:
            await later.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "fail"}])
        except openai.BadRequestError:
            pass
        return text

    run = uuid7()
    asyncio.run(weather("Weather in Oslo?", langsmith_extra={
        "run_id": run, "client": smith, "metadata": {"session_id": "s-7", "user_id": "grace"}}))
    smith.flush()
    smith.create_feedback(run_id=run, trace_id=run, key="correctness", score=0.9, comment="nice")
    smith.flush()
    print(json.dumps({"run_id": str(run), "trace_id": run.hex, **read_back(smith, run)}))


def read_back(smith, run):
    """What the SDK itself reads of the run, once all of it has come; feedback is changed on the way."""
    for _ in range(100):
        found = list(smith.list_feedback(run_ids=[run]))
        if found:
            break
        time.sleep(0.2)
    smith.update_feedback(found[0].id, comment="very nice")
    [feedback] = smith.list_feedback(run_ids=[run])
    kinds = sorted(step.run_type for step in smith.list_runs(trace_id=run))
    return {"feedback": [feedback.key, feedback.score, feedback.comment], "name": smith.read_run(run).name, "kinds": kinds}


main()
