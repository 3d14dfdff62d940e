"""Alerts of the real program: beside a real Alertmanager on the same alerts, and killed at each stage of a page."""

import collections
import contextlib
import datetime
import http.server
import json
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

from tawny import PATIENCE, Server, program

# Seconds two notifications may be apart that should come at the same time: machines that run tests are busy.
TOLERANCE = 2.5

Hook = collections.namedtuple("Hook", "at path body")


class Receiver:
    """A webhook that keeps what it is told. It can refuse, and it can take its time to answer."""

    def __init__(self):
        self.got = []
        self.refuses = False
        self.answers_after = 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                # Asked once: a test may change its mind in between, and what was not taken must not be answered as taken.
                refuses = receiver.refuses
                if not refuses:
                    receiver.got.append(Hook(time.monotonic(), self.path, json.loads(body) if body else None))
                time.sleep(receiver.answers_after)
                try:
                    self.send_response(503 if refuses else 200)
                    self.end_headers()
                except (BrokenPipeError, ConnectionResetError):
                    pass

            do_GET = do_POST = handle_any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def at(self, path):
        return [hook for hook in self.got if hook.path == path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def eventually(what, look, patience=PATIENCE):
    """What `look` gives once it gives something."""
    deadline = time.monotonic() + patience
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come about")
        time.sleep(0.05)


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return answer.read()


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class BesideAlertmanager(unittest.TestCase):
    """The same configuration and the same alerts at the same times: the same notifications at the same times."""

    CONFIG = """
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 3s
  group_interval: 6s
  repeat_interval: 15s
  routes:
    - matchers: [alertname="Apart"]
      group_by: ['...']
      group_wait: 1s
      receiver: hook
inhibit_rules:
  - source_matchers: [alertname="Source"]
    target_matchers: [alertname="Target"]
    equal: [host]
receivers:
  - name: hook
    webhook_configs:
      - url: URL
        send_resolved: true
"""
    # Seconds after the beginning: what fires (+) or ends (-), as alert and host.
    TIMELINE = [
        (0, "+", "Load", "a"),
        (1, "+", "Load", "b"),       # within group_wait: one message about both
        (1, "+", "Apart", "x"),
        (1, "+", "Apart", "y"),      # each on its own
        (1, "+", "Source", "h"),
        (1, "+", "Target", "h"),     # inhibited: no message
        (1, "+", "Target", "i"),
        (5, "+", "Load", "c"),       # told at the next group_interval
        (11, "-", "Load", "a"),      # told with those that still fire
        (32, "-", "Load", "b"),
        (32, "-", "Load", "c"),
        (32, "-", "Apart", "x"),
        (32, "-", "Apart", "y"),
        (32, "-", "Source", "h"),
        (32, "-", "Target", "h"),
        (32, "-", "Target", "i"),
    ]
    END = 42

    def setUp(self):
        alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
        if not alertmanager:
            self.skipTest("no Alertmanager is installed (Debian's package is `prometheus-alertmanager`)")
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        folder = tempfile.TemporaryDirectory(prefix="tawny-alertmanager-")
        self.addCleanup(folder.cleanup)
        here = pathlib.Path(folder.name)
        (here / "mine.tmpl").write_text('{{ define "mine" }}<{{ .Receiver }}>{{ end }}')
        for name in ("tawny", "alertmanager"):
            (here / f"{name}.yml").write_text(self.CONFIG.replace("URL", f"{self.receiver.url}/{name}"))
        port = free_port()
        process = subprocess.Popen(
            [alertmanager, f"--config.file={here}/alertmanager.yml", f"--storage.path={here}/data", "--cluster.listen-address=",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.server = Server(["--rule-packs", "none", "--alertmanager-config", str(here / "tawny.yml")])
        self.addCleanup(self.server.close)
        self.places = [f"http://127.0.0.1:{port}", f"{self.server.http}/alertmanager"]
        eventually("Alertmanager", self.is_ready)

    def is_ready(self):
        try:
            with urllib.request.urlopen(self.places[0] + "/-/ready", timeout=10):
                return True
        except (urllib.error.URLError, ConnectionError):
            return False

    def tell(self, changes):
        now = datetime.datetime.now(datetime.timezone.utc)
        alerts = [
            {
                "labels": {"alertname": name, "host": host},
                "annotations": {"summary": f"{name} of {host}"},
                **({"startsAt": now.isoformat(), "endsAt": (now + datetime.timedelta(hours=1)).isoformat()} if sign == "+"
                   else {"endsAt": now.isoformat()}),
            }
            for _, sign, name, host in changes
        ]
        for place in self.places:
            post(place + "/api/v2/alerts", alerts)

    def told(self, name, began):
        """Messages by group: when, and which hosts fire and have ended."""
        groups = collections.defaultdict(list)
        for hook in self.receiver.at("/" + name):
            hosts = {"firing": [], "resolved": []}
            for alert in hook.body["alerts"]:
                hosts[alert["status"]].append(alert["labels"]["host"])
            words = {status: ",".join(sorted(names)) for status, names in hosts.items()}
            key = json.dumps(hook.body["groupLabels"], sort_keys=True)
            groups[key].append((hook.at - began, hook.body["status"], words["firing"], words["resolved"]))
        return groups

    def test_the_same_messages_at_the_same_times(self):
        began = time.monotonic()
        for at in sorted({change[0] for change in self.TIMELINE}):
            time.sleep(max(0, began + at - time.monotonic()))
            self.tell([change for change in self.TIMELINE if change[0] == at])
        time.sleep(max(0, began + self.END - time.monotonic()))
        theirs, ours = self.told("alertmanager", began), self.told("tawny", began)
        show = "\n".join(f"{name}: {json.dumps(groups, indent=1)}" for name, groups in (("theirs", theirs), ("ours", ours)))
        self.assertEqual(sorted(ours), sorted(theirs), show)
        # Load, Source, Target, and two of Apart.
        self.assertEqual(len(ours), 5, show)
        for key in theirs:
            self.assertEqual([it[1:] for it in ours[key]], [it[1:] for it in theirs[key]], show)
            for mine, other in zip(ours[key], theirs[key]):
                self.assertAlmostEqual(mine[0], other[0], delta=TOLERANCE, msg=show)
        load = ours['{"alertname": "Load"}']
        self.assertEqual(load[0][1:], ("firing", "a,b", ""), show)
        self.assertTrue(any(it[3] == "a" for it in load), show)
        self.assertEqual(load[-1][1:], ("resolved", "", "b,c"), show)
        repeated = ours['{"alertname": "Source"}']
        self.assertEqual([it[1:] for it in repeated[:2]], [("firing", "h", "")] * 2, f"what is still true is repeated\n{show}")


class SameBodies(unittest.TestCase):
    """What each service is sent is what the real Alertmanager sends it, field by field."""

    CONFIG = """
route: {receiver: all, group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 1h}
templates: ['*.tmpl']
receivers:
  - name: all
    webhook_configs: [{url: 'URL/hook', send_resolved: true}]
    slack_configs:
      - api_url: 'URL/slack'
        channel: '#night'
        username: tawny
        send_resolved: true
        title: '{{ .Status | toUpper | title }} {{ .Alerts.Firing | len }} {{ .CommonLabels.SortedPairs.Values | join "/" }}'
        title_link: 'http://x/{{ .GroupLabels.alertname | urlquery }}'
        text: '{{ range .Alerts }}{{ .Labels.host }}={{ .Annotations.summary | reReplaceAll "of" "OF" }} {{ .Status }};{{ end }}'
        pretext: '{{ define "x" }}{{ . }}!{{ end }}{{ template "x" .Status }} {{ template "mine" . }}'
        fallback: '{{ with .CommonLabels.Remove (stringSlice "alertname") }}{{ .Values | join " " }}{{ end }}'
        footer: foot
        callback_id: call
        fields: [{title: Job, value: '{{ .CommonLabels.job }}', short: true}, {title: B, value: b}]
        actions: [{type: button, text: Go, url: 'http://x/', style: primary}]
        short_fields: true
        mrkdwn_in: [text]
        link_names: true
        icon_emoji: ':owl:'
    pagerduty_configs:
      - url: 'URL/pagerduty'
        routing_key: key
        client: me
        client_url: 'http://me/'
        description: '{{ .GroupLabels.alertname }} {{ .Alerts.Firing | len }}'
        severity: '{{ .CommonLabels.severity }}'
        class: class
        component: component
        group: group
        details: {firing: f, resolved: r, host: '{{ (index .Alerts 0).Labels.host }}'}
        images: [{src: 'http://i/', alt: i, href: 'http://h/'}]
        links: [{href: 'http://l/', text: l}]
    opsgenie_configs:
      - {api_url: 'URL/opsgenie/', api_key: key, message: m, description: d, source: s, tags: 'a,b', priority: P2, note: n,
         details: {more: '1'}, responders: [{name: team, type: team}]}
"""

    setUp = BesideAlertmanager.setUp
    is_ready = BesideAlertmanager.is_ready

    def bodies(self, name):
        """Bodies by service, in order, without what has to differ: keys, own addresses, digits of times below the millisecond."""
        found = collections.defaultdict(list)
        for hook in self.receiver.got:
            service, close = hook.path.split("/")[2], hook.path.endswith("close?identifierType=alias")
            if hook.path.split("/")[1] == name:
                body = {key: value for key, value in hook.body.items() if key not in ("externalURL", "alias", "dedup_key")}
                for alert in body.get("alerts", []):
                    for key in ("startsAt", "endsAt"):
                        alert[key] = alert[key].split(".")[0].rstrip("Z")
                if close:
                    # Ours gives the reason as well.
                    body.pop("note", None)
                found[f"{service} close" if close else service].append(body)
        return found

    def test_bodies_are_alertmanagers(self):
        now = datetime.datetime.now(datetime.timezone.utc)

        def tell(ends):
            alerts = [{
                "labels": {"alertname": "Load", "host": host, "job": "j & <k>", "severity": "critical"},
                "annotations": {"summary": f"load of {host}"}, "generatorURL": "http://g/",
                "startsAt": now.isoformat(), "endsAt": ends.isoformat()} for host in "ab"]
            for place in self.places:
                post(place + "/api/v2/alerts", alerts)

        def told(number):
            # Three that tell of beginning and end alike, and Opsgenie under two addresses.
            return all(sum(map(len, self.bodies(name).values())) >= number for name in ("alertmanager", "tawny"))

        tell(now + datetime.timedelta(hours=1))
        eventually("the beginning", lambda: told(4))
        tell(datetime.datetime.now(datetime.timezone.utc))
        eventually("the end", lambda: told(8))
        theirs, ours = self.bodies("alertmanager"), self.bodies("tawny")
        self.maxDiff = None
        self.assertEqual(sorted(ours), ["hook", "opsgenie", "opsgenie close", "pagerduty", "slack"])
        for service in theirs:
            self.assertEqual(ours[service], theirs[service], service)


class OfOthers(unittest.TestCase):
    """A real Prometheus sends its alerts here, and a real Alertmanager calls the webhook."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tawny-others-")
        self.addCleanup(folder.cleanup)
        self.here = pathlib.Path(folder.name)
        self.server = Server(["--rule-packs", "none"])
        self.addCleanup(self.server.close)

    def start(self, names, *arguments):
        program = next(filter(None, map(shutil.which, names)), None)
        if not program:
            self.skipTest(f"{names[0]} is not installed")
        process = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def alert(self, name):
        return next((alert for alert in self.server.get("/api/v1/alerts")["alerts"] if alert["name"] == name), None)

    def kinds(self, name):
        return [event["kind"] for event in self.server.get("/api/v1/alerts/history")["events"] if event["name"] == name]

    def test_a_prometheus_sends_its_alerts(self):
        rules = self.here / "rules.yml"
        rules.write_text("groups: [{name: g, rules: [{alert: Far, expr: vector(1), labels: {severity: P2}, annotations: {summary: hello}}]}]")
        config = self.here / "prometheus.yml"
        config.write_text(f"""
global: {{evaluation_interval: 1s}}
rule_files: ['{rules}']
alerting: {{alertmanagers: [{{path_prefix: /alertmanager, static_configs: [{{targets: ['{self.server.http.removeprefix("http://")}']}}]}}]}}
""")
        self.start(["prometheus"], f"--config.file={config}", f"--storage.tsdb.path={self.here}/data", "--rules.alert.resend-delay=2s",
                   f"--web.listen-address=127.0.0.1:{free_port()}")
        alert = eventually("the alert", lambda: self.alert("Far"))
        self.assertEqual((alert["state"], alert["severity"], alert["annotations"]["summary"]), ("firing", "P2", "hello"))
        time.sleep(5)
        self.assertEqual(self.alert("Far")["fired_at"], alert["fired_at"], "it is sent again and again, and began once")
        self.assertEqual(self.kinds("Far"), ["fired"])

    def test_an_alertmanager_calls_the_webhook(self):
        config, port = self.here / "alertmanager.yml", free_port()
        config.write_text(f"""
route: {{receiver: tawny, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
receivers: [{{name: tawny, webhook_configs: [{{url: '{self.server.http}/alertmanager/webhook'}}]}}]
""")
        self.start(["prometheus-alertmanager", "alertmanager"], f"--config.file={config}", f"--storage.path={self.here}/data",
                   "--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{port}")
        theirs = f"http://127.0.0.1:{port}"

        def tell(ends):
            try:
                return post(f"{theirs}/api/v2/alerts", [{"labels": {"alertname": "Hooked"}, "endsAt": ends.isoformat()}]) is not None
            except (urllib.error.URLError, ConnectionError):
                return False

        now = lambda: datetime.datetime.now(datetime.timezone.utc)
        eventually("Alertmanager", lambda: tell(now() + datetime.timedelta(hours=1)))
        self.assertEqual(eventually("the alert", lambda: self.alert("Hooked"))["state"], "firing")
        tell(now())
        eventually("its end", lambda: self.kinds("Hooked") == ["resolved", "fired"])


RULES = """
groups:
  - name: test
    interval: 1s
    rules:
      - alert: HighLoad
        expr: load > 10
        for: 4s
        labels: {severity: P1, agent: support}
"""
ROUTES = """
route: {receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: hook
    webhook_configs: [{url: 'URL/hook'}]
"""


class Killed(unittest.TestCase):
    """`kill -9` at each stage of a page: none is lost, and none comes twice once it was recorded."""

    def setUp(self):
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        folder = tempfile.TemporaryDirectory(prefix="tawny-rules-")
        self.addCleanup(folder.cleanup)
        here = pathlib.Path(folder.name)
        self.rules = here / "rules.yml"
        self.rules.write_text(RULES)
        (here / "alertmanager.yml").write_text(ROUTES.replace("URL", self.receiver.url))
        self.server = Server(["--rule-packs", "none", "--rules", str(here / "rules.yml"), "--alertmanager-config",
                              str(here / "alertmanager.yml"), "--heartbeat-url", f"{self.receiver.url}/alive"])
        self.addCleanup(self.server.close)

    def load(self, value):
        point = {"timeUnixNano": str(time.time_ns()), "asDouble": value}
        body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "load", "gauge": {"dataPoints": [point]}}]}]}]}
        status, answer = self.server.post("/v1/metrics", json.dumps(body).encode(), {"Content-Type": "application/json"})
        self.assertEqual(status, 200, answer)

    def state(self):
        alerts = self.server.get("/api/v1/alerts")["alerts"]
        return alerts[0]["state"] if alerts else None

    def pages(self):
        return [hook.body for hook in self.receiver.at("/hook") if hook.body["status"] == "firing"]

    def kill(self):
        self.server.restart(signal.SIGKILL)

    def assert_one_page_and_its_end(self):
        eventually("the page", self.pages)
        eventually("firing", lambda: self.state() == "firing")
        time.sleep(4)
        self.assertEqual(len(self.pages()), 1)
        self.load(1.0)
        ended = lambda: [hook for hook in self.receiver.at("/hook") if hook.body["status"] == "resolved"]
        eventually("the end", ended)
        time.sleep(3)
        self.assertEqual(len(ended()), 1)

    def test_while_it_is_pending(self):
        self.load(20.0)
        eventually("pending", lambda: self.state() == "pending")
        self.kill()
        self.assert_one_page_and_its_end()

    def test_while_it_fires_and_nobody_was_told(self):
        self.receiver.refuses = True
        self.load(20.0)
        waiting = lambda: [it for it in self.server.get("/api/v1/alerts")["waiting"] if it["attempts"] > 0]
        eventually("a failed attempt", waiting)
        self.kill()
        self.receiver.refuses = False
        self.assert_one_page_and_its_end()

    def test_while_its_state_is_being_written(self):
        self.rules.write_text(RULES.replace("        for: 4s\n", ""))
        eventually("the rule without `for`", lambda: [
            rule for group in self.server.get("/api/v1/rules")["groups"] for rule in group["rules"] if not rule["for_seconds"]])
        # Another program holds the file, as a slow disk would.
        with contextlib.closing(sqlite3.connect(self.server.data / "state.sqlite", isolation_level=None, timeout=PATIENCE)) as held:
            held.execute("BEGIN IMMEDIATE")
            self.load(20.0)
            eventually("firing", lambda: self.state() == "firing")
            # Some turns of the loop that sends: nobody is told of what a restart would not know of.
            time.sleep(2)
            self.assertEqual(self.pages(), [])
            self.server.stop(signal.SIGKILL)
        self.server.start()
        self.assert_one_page_and_its_end()

    def test_while_the_page_is_under_way(self):
        self.receiver.answers_after = 3
        self.load(20.0)
        eventually("the page", self.pages)
        # It has arrived, and the answer has not: nobody can know. It comes again, under the same key.
        self.server.stop(signal.SIGKILL)
        self.receiver.answers_after = 0
        self.server.start()
        eventually("the page again", lambda: len(self.pages()) == 2)
        self.assertEqual(len({page["groupKey"] for page in self.pages()}), 1)
        time.sleep(4)
        self.assertEqual(len(self.pages()), 2)

    def test_once_the_page_was_recorded(self):
        self.load(20.0)
        eventually("the page", self.pages)
        sent = lambda: [it for it in self.server.get("/api/v1/alerts/history")["events"] if it["kind"] == "sent"]
        eventually("the record", sent)
        for _ in range(3):
            self.kill()
        self.load(20.0)
        self.assert_one_page_and_its_end()
        fired = [it for it in self.server.get("/api/v1/alerts/history")["events"] if it["kind"] == "fired"]
        self.assertEqual(len(fired), 1, "it goes on firing; it does not fire anew")

    def test_while_an_alert_of_an_alertmanager_waits(self):
        self.receiver.refuses = True
        hook = {"version": "4", "alerts": [{"labels": {"alertname": "Far"}, "startsAt": datetime.datetime.now(datetime.UTC).isoformat()}]}
        post(f"{self.server.http}/alertmanager/webhook", hook)
        # It was taken, and its sender will not send it again for hours.
        self.kill()
        self.receiver.refuses = False
        eventually("the page", self.pages)
        time.sleep(3)
        self.assertEqual([page["groupLabels"] for page in self.pages()], [{"alertname": "Far"}])
        events = [it["kind"] for it in self.server.get("/api/v1/alerts/history")["events"] if it["name"] == "Far"]
        self.assertEqual(sorted(events), ["fired", "sent"])

    def test_an_outside_monitor_is_told_that_rules_are_evaluated(self):
        eventually("the heartbeat", lambda: self.receiver.at("/alive"))
        self.server.stop(signal.SIGKILL)
        heard = len(self.receiver.at("/alive"))
        time.sleep(2)
        self.assertEqual(len(self.receiver.at("/alive")), heard)
        self.server.start()
        eventually("the heartbeat after the start", lambda: len(self.receiver.at("/alive")) > heard)

    def test_a_second_evaluator_over_the_same_directory_does_not_start(self):
        done = subprocess.run(
            [str(program()), "serve", "--data", self.server.place, "--http", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0",
             "--otlp-grpc", "127.0.0.1:0"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=PATIENCE)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("another process uses this directory", done.stderr)


class TooMuch(unittest.TestCase):
    """Rules, labels, receivers and alerts beyond all bounds: each is told by name, and the others go on."""

    RULES = """
groups:
  - name: test
    interval: 1s
    rules:
      - {alert: TooMany, expr: many > 0}
      - {alert: Broken, expr: load * on () wide, annotations: {summary: fine}}
      - {alert: BadTemplate, expr: load > 10, annotations: {summary: '{{ query "sum(" | first | value }}'}}
      - {alert: Wide, expr: load > 5, labels: {severity: P3, long: LONG}}
      - {alert: HighLoad, expr: load > 10, labels: {severity: P1}}
"""
    ROUTES = """
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1m
  routes: [{matchers: [alertname="Wide"], receiver: slow, continue: true}, {receiver: hook}]
receivers:
  - name: hook
    webhook_configs: [{url: 'URL/hook'}]
  - name: slow
    webhook_configs: [{url: 'SLOW/hook'}]
"""

    def setUp(self):
        self.receiver, self.slow = Receiver(), Receiver()
        self.slow.answers_after = 30
        self.addCleanup(self.receiver.close)
        self.addCleanup(self.slow.close)
        folder = tempfile.TemporaryDirectory(prefix="tawny-rules-")
        self.addCleanup(folder.cleanup)
        here = pathlib.Path(folder.name)
        (here / "rules.yml").write_text(self.RULES.replace("LONG", "x" * 10_240))
        (here / "alertmanager.yml").write_text(self.ROUTES.replace("URL", self.receiver.url).replace("SLOW", self.slow.url))
        self.server = Server(["--rule-packs", "none", "--rules", str(here / "rules.yml"), "--alertmanager-config",
                              str(here / "alertmanager.yml")])
        self.addCleanup(self.server.close)

    def gauge(self, name, points):
        points = [{"timeUnixNano": str(time.time_ns()), "asDouble": value, "attributes": [
            {"key": key, "value": {"stringValue": text}} for key, text in labels.items()]} for labels, value in points]
        body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": name, "gauge": {"dataPoints": points}}]}]}]}
        status, answer = self.server.post("/v1/metrics", json.dumps(body).encode(), {"Content-Type": "application/json"})
        self.assertEqual(status, 200, answer)

    def rule(self, name):
        rules = [rule for group in self.server.get("/api/v1/rules")["groups"] for rule in group["rules"]]
        return next(rule for rule in rules if rule["name"] == name)

    def told(self, name):
        return [hook.body for hook in self.receiver.at("/hook") if hook.body["commonLabels"].get("alertname") == name]

    def test_each_is_named_and_the_others_go_on(self):
        for part in range(10):
            self.gauge("many", [({"series": str(part * 10_000 + at)}, 1.0) for at in range(10_000)])
        self.gauge("wide", [({"side": "a"}, 20.0), ({"side": "b"}, 20.0)])
        self.gauge("load", [({}, 20.0)])
        page = eventually("the page of the rule beside them", lambda: self.told("HighLoad"))
        self.assertEqual(len(page[0]["alerts"]), 1)
        error = eventually("the error of the rule with 100,000 series", lambda: self.rule("TooMany")["error"])
        self.assertIn("exceeded limit of 10000 with 100000 alerts", error)
        self.assertTrue(eventually("the error of the broken rule", lambda: self.rule("Broken")["error"]))
        bad = eventually("the alert whose template fails", lambda: self.told("BadTemplate"))
        self.assertIn("error expanding template", bad[0]["alerts"][0]["annotations"]["summary"])
        # One of the two receivers of this alert hangs: the other one is told, and it is said which one waits.
        wide = eventually("labels of 10 KB", lambda: self.told("Wide"))
        self.assertEqual([len(alert["labels"]["long"]) for alert in wide[0]["alerts"]], [10_240])
        waiting = lambda: [it for it in self.server.get("/api/v1/alerts")["waiting"] if it["error"]]
        self.assertEqual([it["receiver"] for it in eventually("the receiver that hangs", waiting)], ["slow"])
        self.assertIn("no answer in time", waiting()[0]["error"])
        reached = {limit["name"]: limit["reached"] for limit in self.server.get("/api/v1/status")["limits"]}
        self.assertGreater(reached["rule_alerts_max"], 0)

    def test_ten_thousand_alerts_at_once(self):
        alerts = [{"labels": {"alertname": "Storm", "host": str(at)}} for at in range(10_000)]
        began = time.monotonic()
        post(f"{self.server.http}/alertmanager/api/v2/alerts", alerts)
        page = eventually("the page", lambda: self.told("Storm"))
        print(f"10,000 alerts were told in one message after {time.monotonic() - began:.1f} s")
        self.assertEqual(len(page[0]["alerts"]), 10_000)
        began = time.monotonic()
        self.assertGreaterEqual(len(self.server.get("/api/v1/alerts")["alerts"]), 10_000)
        self.assertLess(time.monotonic() - began, 60, "what mutes is looked for once, not once an alert")
        self.gauge("load", [({}, 20.0)])
        eventually("the page after it", lambda: self.told("HighLoad"))
        self.assertEqual(self.server.get("/health")["status"], "ok")


if __name__ == "__main__":
    unittest.main()
