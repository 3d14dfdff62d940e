"""Runs the real program for the end-to-end tests and asks its API. Standard library only."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

# Seconds to wait for something that should happen at once. Generous, since test machines are small and busy.
PATIENCE = 180


def program():
    """Path of the program under test."""
    found = os.environ.get("TAWNY_BIN")
    path = pathlib.Path(found) if found else ROOT / "target" / "debug" / "tawny"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: run `cargo xtask test --only end-to-end`, or set TAWNY_BIN")
    return path


class Server:
    """A server over a directory of its own, or over a bucket with catalog and log in that directory. Ports are chosen by the
    system."""

    def __init__(self, arguments=(), environment=None, data=None, parent=None):
        self.folder = tempfile.TemporaryDirectory(prefix="tawny-e2e-", dir=parent)
        self.process = None
        self.arguments = list(arguments)
        self.environment = {**os.environ, **(environment or {})}
        self.data = pathlib.Path(self.folder.name) / "data"
        self.place = data or str(self.data)
        if "://" in self.place and "--data-local" not in self.arguments:
            self.arguments += ["--data-local", str(self.data)]
        self.start()

    def start(self):
        """Starts it (again, over the same data)."""
        self.log = open(pathlib.Path(self.folder.name) / "log", "ab")
        self.process = subprocess.Popen(
            [str(program()), "serve", "--json", "--data", self.place, "--http", "127.0.0.1:0",
             "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", *self.arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, env=self.environment,
        )
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server did not start:\n{self.log_text()}")
        said = json.loads(line)
        self.http, self.otlp_http, self.otlp_grpc = (
            said[key] if "://" in said[key] else f"http://{said[key]}" for key in ("http", "otlp_http", "otlp_grpc")
        )
        self.wait_ready()

    def wait_ready(self):
        """Waits until it says that it can serve."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with urllib.request.urlopen(self.http + "/readyz", timeout=10):
                    return
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def stop(self, how=signal.SIGINT):
        """Stops it and waits."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise RuntimeError(f"the server did not stop when asked:\n{self.log_text()}") from None
        if self.process:
            self.process.stdout.close()
        self.log.close()

    def restart(self, how=signal.SIGINT):
        """Stops it and starts it over the same data."""
        self.stop(how)
        self.start()

    def close(self):
        """Stops it and removes its data."""
        try:
            self.stop()
        finally:
            self.folder.cleanup()

    def log_text(self):
        """The end of its log."""
        return (pathlib.Path(self.folder.name) / "log").read_text(errors="replace")[-4000:]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def get(self, path, **parameters):
        """The JSON answer of GET."""
        query = urllib.parse.urlencode(parameters, doseq=True)
        with urllib.request.urlopen(f"{self.http}{path}{'?' + query if query else ''}", timeout=PATIENCE) as answer:
            return json.load(answer)

    def sql(self, query):
        """Rows of a SQL query."""
        request = urllib.request.Request(
            self.http + "/api/v1/sql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)["rows"]

    def runs(self, **filters):
        """All runs that match, page by page."""
        found, cursor = [], None
        while True:
            page = self.get("/api/v1/runs", limit=500, **filters, **({"cursor": cursor} if cursor else {}))
            found += page["runs"]
            cursor = page["next"]
            if not cursor:
                return found

    def run(self, trace_id):
        """One run with its steps and what was said."""
        return self.get(f"/api/v1/runs/{trace_id}")

    def post(self, path, body, headers):
        """(status, answer) of a POST of bytes to the OTLP port."""
        request = urllib.request.Request(self.otlp_http + path, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def command(self, *arguments, timeout=600):
        """Standard output of a command of the program; fails when the command fails."""
        done = subprocess.run(
            [str(program()), *arguments, "--url", self.http], capture_output=True, text=True, timeout=timeout,
            stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"tawny {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-3000:]}")
        return done.stdout
