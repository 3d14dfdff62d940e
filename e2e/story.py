"""Runs as the API shows them, as text: one line a step, its facts below it. What is not written is absent."""

import json

# Characters shown of a text.
CHARS = 110


def short(value):
    """A value on one line, cut."""
    line = " ".join((value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).split())
    return line if len(line) <= CHARS else f"{line[:CHARS]}… ({len(line)} characters)"


def facts(pairs):
    """Those that are there, on one line."""
    return " ".join(f"{name} {value}" for name, value in pairs if value not in (None, "", [], {}))


def usage(of):
    """Tokens of every class that is known."""
    names = {"in": "input_tokens", "read": "cache_read_tokens", "written": "cache_write_tokens", "out": "output_tokens", "reasoning": "reasoning_tokens"}
    return ",".join(f"{name}={of[key]}" for name, key in names.items() if of and of[key])


def said(side, message):
    """A message."""
    parts = []
    for part in message["parts"]:
        kind = part["type"]
        if kind == "text":
            parts.append(short(part["text"]))
        elif kind == "tool_call":
            parts.append(f"(calls) {part['name']} {short(part['arguments'])} {part.get('id') or '-'}")
        elif kind == "tool_result":
            parts.append(f"(result) {short(part['result'])} {part.get('id') or '-'}")
        else:
            parts.append(f"({kind}) {short({key: value for key, value in part.items() if key != 'type'})}")
    return f"{side} {message['role']}: {' + '.join(parts)}"


def of_step(step, run, names):
    """A step, its facts and what was said in it."""
    tool, retrieval, prompt, error = (step[key] or {} for key in ("tool", "retrieval", "prompt", "error"))
    lines = [f"{step['kind']} {step['name']}"]
    line = facts([
        ("agent", step["agent"] if step["agent"] != run["agent"] else None), ("model", step["model"]),
        ("asked-for", step["request_model"] if step["request_model"] != step["model"] else None), ("provider", step["provider"]),
        ("tokens", usage(step["usage"])), ("cost", step["cost_usd"] if step["cost_source"] == "reported" else None),
        ("ttft-ms", step["ttft_ms"]), ("finish", step["finish_reason"]), ("response", step["response_id"]),
        ("tool", tool.get("name")), ("call-id", tool.get("call_id")), ("called-by", names.get(step["called_by"])),
        ("asks", ",".join(step["requested_tool_calls"])), ("prompt", prompt.get("name")), ("prompt-version", prompt.get("version")),
        ("session", step["session_id"] if step["session_id"] != run["session_id"] else None),
        ("user", step["user_id"] if step["user_id"] != run["user_id"] else None),
        ("tags", ",".join(step["tags"]) if step["tags"] != run["tags"] else None),
        ("uncounted:", step["not_counted_because"]),
    ])
    lines += [f"| {line}"] if line else []
    if step["status"] != "ok":
        lines.append(f"| {step['status']} {error.get('type') or '-'}: {short(error.get('message') or '-')}")
    for side, key in ((">", "input"), ("<", "output")):
        lines += [said(side, message) for message in (step["messages"] or {}).get(key, [])]
    for name, value in (("input", step["input"]), ("output", step["output"]), ("arguments", tool.get("arguments")),
                        ("result", tool.get("result")), ("query", retrieval.get("query"))):
        if value is not None:
            lines.append(f"= {name} {short(value)}")
    for document in retrieval.get("documents", []):
        lines.append(f"= document {document.get('id', '-')} {document.get('score', '-')} {short(document.get('content', '-'))}")
    lines += [f"= score {score['name']} {score['value'] if score['value'] is not None else score['label']}" for score in step["scores"]]
    return [f"{'  ' * (step['depth'] + 1)}{line}" for line in lines]


def story(server):
    """All runs, the earliest first. Runs and steps that are no agent's work are counted only."""
    lines, plumbing = [], 0
    for listed in sorted(server.runs(), key=lambda run: (run["started_at"], run["trace_id"])):
        if set(listed["steps_by_kind"]) == {"other"}:
            plumbing += 1
            continue
        answer = server.get(f"/api/v1/runs/{listed['trace_id']}", content="full")
        run, steps = answer["run"], answer["steps"]
        names = {step["span_id"]: step["name"] for step in steps}
        lines.append(f"run {run['name']} {run['status']}")
        lines.append("| " + facts([
            ("calls", str(run["llm_calls"])), ("tools", run["tool_calls"]), ("tokens", usage(run["usage"]) or "unknown"), ("errors", run["errors"]),
            ("agent", run["agent"]), ("workflow", run["workflow"]), ("session", run["session_id"]), ("user", run["user_id"]),
            ("service", run["service"]), ("environment", run["environment"] if run["environment"] != "default" else None),
            ("version", run["version"]), ("tags", ",".join(run["tags"])),
        ]))
        for name, value in (("asked", run["input_preview"]), ("answered", run["output_preview"]), ("error", (run["error"] or {}).get("message"))):
            lines += [f"| {name} {short(value)}"] if value else []
        lines += [f"| score {score['name']} {score['value'] if score['value'] is not None else score['label']}"
                  for score in answer["scores"] if not score["span_id"]]
        hidden = 0
        for step in steps:
            if step["kind"] == "other" and len(steps) > 60:
                hidden += 1
            else:
                lines += of_step(step, run, names)
        lines += [f"  and {hidden} other"] if hidden else []
        lines.append("")
    if plumbing:
        lines.append(f"and {plumbing} traces of nothing but `other`")
    return "\n".join(lines).rstrip("\n") + "\n"
