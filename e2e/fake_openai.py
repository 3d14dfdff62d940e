"""A server on loopback that answers like OpenAI's chat API, so that its real client can be used without a key."""

import http.server
import json
import threading

# What every answer says it used.
USAGE = {
    "prompt_tokens": 57, "completion_tokens": 23, "total_tokens": 80,
    "prompt_tokens_details": {"cached_tokens": 32}, "completion_tokens_details": {"reasoning_tokens": 7},
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        last = asked["messages"][-1]
        if last.get("content") == "fail":
            return self.answer(400, {"error": {"message": "the model refuses", "type": "invalid_request_error", "code": "bad"}})
        if asked.get("tools") and last["role"] == "user":
            call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}
            message, reason = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
        else:
            message, reason = {"role": "assistant", "content": "It is 4 degrees in Oslo."}, "stop"
        self.answer(200, {
            "id": f"chatcmpl-{self.server.answered}", "object": "chat.completion", "created": 1, "model": asked["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": USAGE,
        })

    def answer(self, status, value):
        self.server.answered += 1
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class FakeOpenAI:
    """Context manager; `url` is the base URL for the client."""

    def __enter__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.answered = 0
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
