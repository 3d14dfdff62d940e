"""Counters of runs are the runs: after repeats, any order, parents that come last, and kills at random moments, `/metrics` says what SQL counts;
and with sampling what it says without."""

import json
import pathlib
import random
import re
import signal
import tempfile
import time
import unittest
import urllib.request

from tawny import PATIENCE, Server

RUNS = 40
KILLS = 4


def attribute(key, value):
    return {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}


def spans_of(number, now):
    """A run: an agent, a call told by a framework and by the client inside of it, one that fails at times, and two tools."""
    trace = f"{number + 1:032x}"

    def span(at, parent, name, start, end, failed=False, **attributes):
        said = [attribute(key.replace("__", "."), value) for key, value in attributes.items()]
        if failed:
            said.append(attribute("error.type", "ToolError"))
        return {
            "traceId": trace, "spanId": f"{at:016x}", "parentSpanId": f"{parent:016x}" if parent else "", "name": name,
            "startTimeUnixNano": str(now + start * 10**6), "endTimeUnixNano": str(now + end * 10**6),
            "attributes": said, "status": {"code": 2, "message": "no"} if failed else {},
        }

    tokens = {"gen_ai__usage__input_tokens": 100 + number, "gen_ai__usage__output_tokens": 7}
    call = {"gen_ai__operation__name": "chat", "gen_ai__provider__name": "openai", "gen_ai__request__model": "gpt-4o"}
    tool = {"gen_ai__operation__name": "execute_tool"}
    spans = [
        span(1, 0, "invoke_agent planner", 0, 900, number % 7 == 0,
             gen_ai__operation__name="invoke_agent", gen_ai__agent__name=f"agent {number % 3}"),
        # The framework's account of the call, with the same tokens: it must not count beside the one inside.
        span(2, 1, "ChatOpenAI", 10, 300, **call, **tokens),
        span(3, 2, "chat gpt-4o", 20, 290, **call, **tokens),
        span(4, 1, "execute_tool search", 310, 400, gen_ai__tool__name="search", **tool),
        span(5, 1, "execute_tool refund", 410, 500, number % 5 == 0, gen_ai__tool__name="refund", **tool),
        span(6, 1, "chat gpt-4o", 510, 800, number % 11 == 0, **call, **tokens),
    ]
    return spans


def request(spans):
    resource = {"attributes": [attribute("service.name", "shop")]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).encode()


def metrics(server):
    """Values by name and labels."""
    with urllib.request.urlopen(server.http + "/metrics", timeout=PATIENCE) as answer:
        lines = answer.read().decode().splitlines()
    found = []
    for line in lines:
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if match:
            labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
            found.append((match[1], labels, float(match[3])))
    return found


def total(found, name, **labels):
    fits = (value for own, has, value in found
            if own == name and all(has.get(key) == wanted for key, wanted in labels.items()))
    return sum(fits)


class Counters(unittest.TestCase):
    def test_counters_are_what_sql_counts(self):
        chance = random.Random(11)
        server = Server()
        self.addCleanup(server.close)
        now = time.time_ns() - 60 * 10**9
        requests = []
        for number in range(RUNS):
            root, *others = spans_of(number, now)
            chance.shuffle(others)
            cut = chance.randint(1, len(others))
            # Parents come last, one in four twice.
            for part in (others[:cut], others[cut:], [root]):
                requests += [part] * chance.choice([1, 1, 1, 2])
        # Any order over runs; within a run the root stays last.
        order = sorted(range(len(requests)), key=lambda at: at + chance.randint(0, 40))
        kills = set(chance.sample(range(10, len(order) - 10), KILLS))
        for at, place in enumerate(order):
            if at in kills:
                server.restart(signal.SIGKILL)
            self.send(server, requests[place], chance)
        server.restart(signal.SIGKILL)
        # What a client sends again that heard no answer.
        for spans in chance.sample(requests, 20):
            self.send(server, spans, chance)
        found = self.settled(server)
        self.compare(server, found)

    def test_runs_that_sampling_drops_were_counted(self):
        folder = tempfile.TemporaryDirectory(prefix="tawny-e2e-")
        self.addCleanup(folder.cleanup)
        rules = pathlib.Path(folder.name) / "sampling.toml"
        rules.write_text("[[sampling]]\nkeep_percent = 0\nafter_hours = 0\nnew_version_runs = 1\n")
        now = time.time_ns() - 60 * 10**9
        chance = random.Random(5)
        counted = []
        # Small files, since rows in memory are not dropped.
        for arguments in ([], ["--sampling", str(rules), "--flush-bytes", "1KiB"]):
            with Server(arguments) as server:
                for number in range(RUNS):
                    self.send(server, spans_of(number, now), chance)
                if arguments:
                    deadline = time.monotonic() + PATIENCE
                    while total(metrics(server), "tawny_sampling_dropped_runs_total") < RUNS / 2:
                        self.assertLess(time.monotonic(), deadline, server.log_text())
                        time.sleep(1)
                    server.restart(signal.SIGKILL)
                found = self.settled(server)
                if arguments:
                    [[kept]] = server.sql("SELECT count(*) FROM runs")
                    self.assertLessEqual(kept, RUNS / 2)
                else:
                    self.compare(server, found)
                # Findings are no run's share: what is repeated, and so found, depends on what there was before.
                kinds = ("_total", "_count", "_sum", "_bucket")
                counted.append({
                    (name, tuple(sorted(labels.items()))): value for name, labels, value in found
                    if name.startswith(("agent_", "gen_ai_")) and name.endswith(kinds) and name != "agent_findings_total"
                })
        whole, sampled = counted
        self.assertEqual(whole.keys(), sampled.keys())
        for series, value in whole.items():
            # Runs settle in another order each time, and so are added up.
            self.assertAlmostEqual(value, sampled[series], places=7, msg=series)

    def compare(self, server, found):
        """What was counted, and what SQL counts."""
        runs = "SELECT count(*), sum(CAST(status = 'error' AS INT)), sum(total_tokens), sum(tool_calls), sum(llm_calls), sum(cost_usd), sum(rounds) FROM runs"
        [count, failed, tokens, tools, calls, cost, rounds] = [float(value) for value in server.sql(runs)[0]]
        self.assertEqual(count, RUNS)
        self.assertEqual(total(found, "agent_requests_total"), count)
        self.assertEqual(total(found, "agent_workflow_completed_total", status="failed"), failed)
        self.assertEqual(total(found, "agent_tokens_total"), tokens)
        self.assertEqual(total(found, "agent_tokens_consumed_total"), tokens)
        self.assertEqual(total(found, "agent_tokens_by_class_total"), tokens)
        self.assertEqual(total(found, "agent_tool_calls_total"), tools)
        self.assertEqual(total(found, "agent_llm_calls_total"), calls)
        self.assertEqual(total(found, "agent_reasoning_steps_sum"), rounds)
        self.assertAlmostEqual(total(found, "agent_llm_cost_usd_total"), cost, places=9)
        self.assertAlmostEqual(total(found, "agent_run_cost_usd_sum"), cost, places=9)
        for tool, calls, failures in server.sql(
                "SELECT tool_name, count(*), sum(CAST(status = 'error' AS INT)) FROM spans WHERE kind = 'tool' GROUP BY tool_name"):
            self.assertEqual(total(found, "agent_tool_calls_total", tool=tool), calls)
            self.assertEqual(total(found, "agent_tool_errors_total", tool=tool), failures)
        for agent, count in server.sql("SELECT agent, count(*) FROM runs GROUP BY agent"):
            self.assertEqual(total(found, "agent_requests_total", agent_id=agent), count)
        for kind, count in server.sql("SELECT kind, count(*) FROM spans GROUP BY kind"):
            self.assertEqual(total(found, "agent_step_duration_seconds_count", step_type=kind), count)
        self.assertEqual(total(found, "tawny_signal_corrections_total"), 0, "every parent came in time")
        self.assertEqual(total(found, "tawny_watch_judge_failures_total"), 0)

    def send(self, server, spans, chance):
        status, answer = server.post("/v1/traces", request(spans), {"Content-Type": "application/json"})
        self.assertEqual(status, 200, answer)
        if chance.random() < 0.1:
            time.sleep(0.05)

    def settled(self, server):
        """What `/metrics` says once every run was judged and new series are no longer shown as zero."""
        deadline = time.monotonic() + PATIENCE
        last = None
        while True:
            found = metrics(server)
            counted = [entry for entry in found if entry[0].startswith("agent_") and entry[0].endswith(("_total", "_count"))]
            complete = total(found, "agent_requests_total") >= RUNS
            if complete and counted == last:
                return found
            self.assertLess(time.monotonic(), deadline, f"runs were not judged: {server.log_text()}")
            last = counted
            # A new series is zero for 15 seconds.
            time.sleep(16 if complete else 1)


if __name__ == "__main__":
    unittest.main()
