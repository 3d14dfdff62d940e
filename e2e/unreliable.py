"""A proxy in front of Tawny that loses answers: of the first request to each address that takes telemetry Tawny hears, and its sender
is told that the service is not available. Whoever sends again sends what was already kept."""

import http.client
import http.server
import threading
import urllib.parse

from fake_openai import body_of

# Headers that belong to one connection.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "te", "upgrade"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        body = body_of(self) if self.command in ("POST", "PUT", "PATCH") else None
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        if body is not None:
            headers["Content-Length"] = str(len(body))
        target = http.client.HTTPConnection(self.server.target, timeout=60)
        try:
            target.request(self.command, self.path, body, headers)
            answer = target.getresponse()
            status, said, kind = answer.status, answer.read(), answer.getheader("Content-Type")
        finally:
            target.close()
        if self.command == "POST" and status < 300 and self.server.loses(self.path.split("?")[0]):
            status, said, kind = 503, b'{"message":"the answer was lost"}', "application/json"
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        if status != 204:
            self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on

    def log_message(self, *_):
        pass


class Proxy(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target):
        super().__init__(("127.0.0.1", 0), Handler)
        self.target = urllib.parse.urlsplit(target).netloc
        self.lost = set()
        self.lock = threading.Lock()

    def handle_error(self, request, client_address):
        """Clients that end close their connections as they like."""

    def loses(self, path):
        """Whether the answer to this request is lost: the first of each address is."""
        with self.lock:
            is_first = path not in self.lost
            self.lost.add(path)
            return is_first


class Unreliable:
    """Context manager; `url` stands for Tawny's, `lost` are the addresses of which an answer was lost."""

    def __init__(self, target):
        self.target = target

    def __enter__(self):
        self.proxy = Proxy(self.target)
        self.url = f"http://127.0.0.1:{self.proxy.server_port}"
        threading.Thread(target=self.proxy.serve_forever, daemon=True).start()
        return self

    @property
    def lost(self):
        return self.proxy.lost

    def __exit__(self, *_):
        self.proxy.shutdown()
        self.proxy.server_close()
