"""The dashboards that come with Tawny, and the guides' rules, over real traffic: every query is answered, every panel that should show something
does, and every series a rule names is there."""

import json
import re
import subprocess
import time
import unittest

from tawny import PATIENCE, ROOT, Server, program

# Nothing is abandoned, and no conversation comes to its end, within the minutes of a test: that takes half an hour of silence.
MAY_BE_EMPTY = {"Abandoned", "Runs of a conversation, p95"}


def attribute(key, value):
    kind = "doubleValue" if isinstance(value, float) else "stringValue"
    return {"key": key, "value": {kind: value}}


def handed_over(now):
    """A run in which one agent hands over to another and calls a tool in a circle, one that goes on, one that fails: what simulated agents do
    seldom or never."""
    def span(at, parent, name, start, end, **attributes):
        return {
            "traceId": f"{77:032x}", "spanId": f"{at:016x}", "parentSpanId": f"{parent:016x}" if parent else "", "name": name,
            "startTimeUnixNano": str(now + start * 10**6), "endTimeUnixNano": str(now + end * 10**6),
            "attributes": [attribute(key.replace("__", "."), value) for key, value in attributes.items()],
        }

    spans = [
        span(1, 0, "triage", 0, 900, gen_ai__operation__name="invoke_agent", gen_ai__agent__name="triage"),
        span(2, 1, "to refunds", 100, 110, gen_ai__operation__name="handoff"),
    ]
    for at in range(3, 8):
        spans.append(span(at, 1, "execute_tool search", at * 100, at * 100 + 50, gen_ai__operation__name="execute_tool",
                          gen_ai__tool__name="search", gen_ai__tool__call__arguments='{"query": "refund"}'))
    going_on = span(9, 8, "execute_tool wait", 0, 10, gen_ai__operation__name="execute_tool", gen_ai__tool__name="wait")
    # Its parent, the root, has not ended and so has not arrived.
    spans.append({**going_on, "traceId": f"{78:032x}"})
    failed = span(1, 0, "triage", 0, 50, gen_ai__operation__name="invoke_agent", gen_ai__agent__name="triage", error__type="ToolError")
    spans.append({**failed, "traceId": f"{79:032x}", "status": {"code": 2, "message": "no"}})
    return {"resourceSpans": [{"resource": {"attributes": [attribute("service.name", "desk")]}, "scopeSpans": [{"spans": spans}]}]}


def judged(trace, now):
    """What a user and an evaluator said of a run, as OpenTelemetry's log events."""
    def event(name, value):
        return {
            "timeUnixNano": str(now), "eventName": "gen_ai.evaluation.result", "traceId": trace,
            "attributes": [attribute("gen_ai.evaluation.name", name), attribute("gen_ai.evaluation.score.value", value)],
        }

    trouble = {"timeUnixNano": str(now), "severityNumber": 17, "body": {"stringValue": "the order is gone"}}
    records = [event("user_feedback", 1.0), event("hallucination", 1.0), trouble]
    return {"resourceLogs": [{"resource": {"attributes": [attribute("service.name", "desk")]}, "scopeLogs": [{"logRecords": records}]}]}


def expressions_of(rules):
    """The expressions of a rule file, which are texts in one line or blocks."""
    found, block, indent = [], None, 0
    for line in rules.splitlines():
        depth = len(line) - len(line.lstrip())
        if block is not None and (not line.strip() or depth > indent):
            block.append(line.strip())
            continue
        if block is not None:
            found.append(" ".join(block))
            block = None
        if match := re.match(r"\s*-?\s*expr: (.*)", line):
            if match[1] in ("|", ">", ">-", "|-"):
                block, indent = [], line.index("expr:")
            else:
                found.append(match[1].strip("\"'"))
    return found + ([" ".join(block)] if block else [])


class Dashboards(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(["--hourly-token-budget", "1000000"])
        cls.addClassCleanup(cls.server.close)
        cls.send("/v1/traces", handed_over(time.time_ns() - 5 * 10**9))
        cls.send("/v1/logs", judged(f"{77:032x}", time.time_ns()))
        subprocess.run(
            [str(program()), "demo", "--url", cls.server.otlp_http, "--rate", "2", "--seed", "5", "--history", "2m", "--for", "5s"],
            check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=900)

    @classmethod
    def send(cls, path, body):
        status, answer = cls.server.post(path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        assert status == 200, answer

    def until_none(self, missing):
        """What is still missing when patience is at its end: samples come every 15 seconds."""
        deadline = time.monotonic() + PATIENCE
        while (found := missing()) and time.monotonic() < deadline:
            time.sleep(5)
        return found

    def test_every_panel_shows_what_was_sent(self):
        def missing():
            return [panel for panel in self.empty(self.server) if panel[1] not in MAY_BE_EMPTY]

        self.assertEqual(self.until_none(missing), [], "panels without data")

    def test_every_series_that_the_guides_rules_name_is_there(self):
        names = {name for family in self.server.get("/api/v1/signals/families")["families"]
                 for name in [family["name"], *family["spellings"]]} | {"agent_hourly_token_budget"}
        selectors = set()
        for path in sorted((ROOT / "rules" / "seeds").glob("*.yml")):
            expressions = expressions_of(path.read_text())
            self.assertGreater(len(expressions), 0, path)
            for expression in expressions:
                answer = self.server.get("/prometheus/api/v1/query", query=expression)
                self.assertEqual(answer["status"], "success", expression)
                for name in re.findall(r"\b[a-z_]+(?=[\s\[{)]|$)", expression):
                    if re.sub("_(bucket|count|sum)$", "", name) in names or name in names:
                        selectors.add(name)
        self.assertGreater(len(selectors), 10)

        def missing():
            found = []
            for name in sorted(selectors):
                series = self.server.get("/prometheus/api/v1/query", query=f"count_over_time({name}[5m])")
                if not series["data"]["result"]:
                    found.append(name)
            return found

        self.assertEqual(self.until_none(missing), [], "named by a rule and without series")

    def empty(self, server):
        """Panels of which a query finds no number."""
        found = []
        for path in sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")):
            for panel in json.loads(path.read_text())["panels"]:
                for target in panel.get("targets", []):
                    query = target["expr"]
                    # As Grafana fills in its variables.
                    for variable, value in {"$__rate_interval": "5m", "$__range": "1h", "$agent": ".*"}.items():
                        query = query.replace(variable, value)
                    loki = panel["datasource"]["uid"] == "tawny-loki"
                    end = int(time.time())
                    answer = server.get(
                        "/loki/api/v1/query_range" if loki else "/prometheus/api/v1/query_range",
                        query=query, start=end - 600, end=end, step=15)
                    values = [value for series in answer["data"]["result"] for _, value, *_ in series["values"]]
                    if all(value == "NaN" for value in values):
                        found.append((path.stem, panel["title"], query))
        return found


if __name__ == "__main__":
    unittest.main()
