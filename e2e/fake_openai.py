"""A server on loopback that answers like OpenAI's API, so that its real clients can be used without a key.

Chat completions (plain and streamed), responses (plain and streamed) and embeddings. A last user message of `fail` is
refused with 400; one of `busy` is refused once with 429 and then answered, as clients retry it. Whoever offers tools gets a
call of the first of them, and an answer in words once the tool has answered.
"""

import http.server
import json
import threading

# What every answer says it used.
USAGE = {
    "prompt_tokens": 57, "completion_tokens": 23, "total_tokens": 80,
    "prompt_tokens_details": {"cached_tokens": 32}, "completion_tokens_details": {"reasoning_tokens": 7},
}
# The same in the words of the responses API.
RESPONSE_USAGE = {
    "input_tokens": 57, "output_tokens": 23, "total_tokens": 80,
    "input_tokens_details": {"cached_tokens": 32, "cache_write_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 7},
}
# Tokens of an embedding request.
EMBEDDING_TOKENS = 9
ARGUMENTS = '{"city":"Oslo"}'
ANSWER = "It is 4 degrees in Oslo."


def text_of(content):
    """The words of a message's content, which may be a list of parts."""
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def body_of(request):
    """What was sent, also where its length was not."""
    if request.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length") or 0))
    whole = b""
    while size := int(request.rfile.readline().split(b";")[0], 16):
        whole += request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()
    return whole


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(body_of(self))
        path = self.path.split("?")[0]
        if path.endswith("/embeddings"):
            return self.embeddings(asked)
        if path.endswith("/responses"):
            return self.respond(asked)
        if not path.endswith("/chat/completions"):
            return self.answer(404, {"error": {"message": f"no {path} here", "type": "invalid_request_error"}})
        last = asked["messages"][-1]
        if self.refused(text_of(last.get("content"))):
            return None
        message, reason = {"role": "assistant", "content": ANSWER}, "stop"
        if asked.get("tools") and last["role"] == "user":
            call = {"id": "call_1", "type": "function", "function": {"name": asked["tools"][0]["function"]["name"], "arguments": ARGUMENTS}}
            message, reason = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
        common = {"id": f"chatcmpl-{self.count()}", "created": 1, "model": asked["model"]}
        if asked.get("stream"):
            with_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
            return self.stream(self.chunks(common, message, reason, with_usage), "[DONE]")
        return self.answer(200, {
            **common, "object": "chat.completion", "usage": USAGE,
            "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
        })

    def chunks(self, common, message, reason, with_usage):
        """The events of a streamed chat completion."""
        def chunk(delta, finish=None):
            return {**common, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        yield chunk({"role": "assistant", "content": ""})
        for at, call in enumerate(message.get("tool_calls", [])):
            yield chunk({"tool_calls": [{"index": at, **call}]})
        for word in (message["content"] or "").split(" "):
            yield chunk({"content": word if word == ANSWER.split(" ")[-1] else word + " "} if word else {})
        yield chunk({}, reason)
        if with_usage:
            yield {**common, "object": "chat.completion.chunk", "choices": [], "usage": USAGE}

    def respond(self, asked):
        said = asked["input"] if isinstance(asked["input"], list) else [{"role": "user", "content": asked["input"]}]
        last = said[-1]
        if self.refused(text_of(last.get("content"))):
            return None
        number = self.count()
        if asked.get("tools") and last.get("type") != "function_call_output":
            output = {"type": "function_call", "id": f"fc_{number}", "call_id": "call_1", "name": asked["tools"][0]["name"],
                      "arguments": ARGUMENTS, "status": "completed"}
        else:
            output = {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed",
                      "content": [{"type": "output_text", "text": ANSWER, "annotations": []}]}
        response = {
            "id": f"resp_{number}", "object": "response", "created_at": 1, "status": "completed", "model": asked["model"],
            "output": [output], "usage": RESPONSE_USAGE, "error": None, "incomplete_details": None, "instructions": None,
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "metadata": {}, "temperature": 1.0, "top_p": 1.0,
        }
        if not asked.get("stream"):
            return self.answer(200, response)
        events = [{"type": "response.created", "response": {**response, "status": "in_progress", "output": [], "usage": None}, "sequence_number": 0},
                  {"type": "response.output_item.added", "output_index": 0, "item": output, "sequence_number": 1},
                  {"type": "response.output_item.done", "output_index": 0, "item": output, "sequence_number": 2},
                  {"type": "response.completed", "response": response, "sequence_number": 3}]
        return self.stream(events, None)

    def embeddings(self, asked):
        texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        self.count()
        self.answer(200, {
            "object": "list", "model": asked["model"], "usage": {"prompt_tokens": EMBEDDING_TOKENS, "total_tokens": EMBEDDING_TOKENS},
            "data": [{"object": "embedding", "index": at, "embedding": [0.1, 0.2, 0.3]} for at in range(len(texts))],
        })

    def refused(self, text):
        """Answers what is to be refused."""
        if text == "fail":
            self.answer(400, {"error": {"message": "the model refuses", "type": "invalid_request_error", "code": "bad", "param": None}})
            return True
        if text == "busy" and not self.server.was_busy:
            self.server.was_busy = True
            self.answer(429, {"error": {"message": "slow down", "type": "rate_limit", "code": "busy", "param": None}}, {"Retry-After-Ms": "10"})
            return True
        return False

    def count(self):
        """Number of this answered call."""
        with self.server.lock:
            self.server.answered += 1
            return self.server.answered

    def answer(self, status, value, headers=()):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in dict(headers).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def stream(self, events, end):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for event in events:
            kind = f"event: {event['type']}\n" if "type" in event else ""
            self.wfile.write(f"{kind}data: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
        if end:
            self.wfile.write(f"data: {end}\n\n".encode())
        self.close_connection = True

    def log_message(self, *_):
        pass


class FakeOpenAI:
    """Context manager; `url` is the base URL for the client, `answered` how many calls were answered."""

    def __enter__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.answered = 0
        self.server.was_busy = False
        self.server.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    @property
    def turned_away(self):
        """How many calls were told to come back."""
        return int(self.server.was_busy)

    @property
    def answered(self):
        return self.server.answered

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
