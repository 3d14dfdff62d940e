#!/usr/bin/env python3
"""Counts the steps of every run in recorded OTLP files, without any of Tawny's code.

The answer is a table that the end-to-end test compares with what the program says after `tawny import`.
It is written from the conventions' text, not from the dialects crate, so that one mistake cannot hide in both.
Standard library and the `zstd` program only.

    python3 e2e/count_steps.py              # compare ../shared/data/*/dev/otlp.jsonl.zst with e2e/expected_steps/
    python3 e2e/count_steps.py --write      # write the tables again

Rules:
  openinference.span.kind decides where it is present (OpenInference, "Span Kinds");
  else gen_ai.operation.name (OpenTelemetry GenAI conventions, "Spans");
  else the span is a step of kind `other`.
A span is (trace id, span id): a repeat replaces and is counted once.

Table: gzip, CSV, one line per run: the first 16 hex digits of the trace id (checked to be unique in the file),
then the number of steps of each kind in the order of the header. Lines are sorted, the gzip header has no time:
the same input gives the same bytes.
"""

import argparse
import collections
import csv
import gzip
import io
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TABLES = HERE / "expected_steps"
DATA = HERE.parent.parent / "shared" / "data"

KINDS = [
    "agent", "llm", "tool", "retriever", "embedding", "reranker",
    "guardrail", "handoff", "chain", "evaluator", "other",
]

# OpenInference: the value of openinference.span.kind.
OPENINFERENCE = {
    "LLM": "llm", "CHAIN": "chain", "AGENT": "agent", "TOOL": "tool", "RETRIEVER": "retriever",
    "EMBEDDING": "embedding", "RERANKER": "reranker", "GUARDRAIL": "guardrail", "EVALUATOR": "evaluator",
    "PROMPT": "chain", "DECISION": "chain", "UNKNOWN": "other",
}

# OpenTelemetry GenAI: the value of gen_ai.operation.name.
OPERATIONS = {
    "chat": "llm", "generate_content": "llm", "text_completion": "llm",
    "embeddings": "embedding", "retrieval": "retriever", "execute_tool": "tool",
    "invoke_agent": "agent", "invoke_workflow": "chain",
}


def lines(path):
    """The text lines of a zstd file, one at a time."""
    process = subprocess.Popen(["zstd", "-dc", "--long=27", str(path)], stdout=subprocess.PIPE)
    yield from process.stdout
    if process.wait() != 0:
        sys.exit(f"zstd cannot read {path}")


def text(attributes, key):
    """The string value of an attribute; the last one where a sender repeats the key."""
    found = None
    for attribute in attributes:
        if attribute["key"] == key:
            found = attribute.get("value", {}).get("stringValue")
    return found


def kind(span):
    attributes = span.get("attributes", [])
    said = text(attributes, "openinference.span.kind")
    if said is not None:
        return OPENINFERENCE.get(said.upper(), "other")
    operation = text(attributes, "gen_ai.operation.name")
    if operation is None:
        return "other"
    if operation not in OPERATIONS:
        sys.exit(f"no rule for gen_ai.operation.name = {operation!r}: decide it from the conventions and add it here")
    return OPERATIONS[operation]


def count(path):
    """{trace id: Counter of kinds} for one file."""
    steps = collections.defaultdict(dict)
    for line in lines(path):
        request = json.loads(line)
        for resource in request.get("resourceSpans", []):
            for scope in resource.get("scopeSpans", []):
                for span in scope.get("spans", []):
                    steps[span["traceId"].lower()][span["spanId"].lower()] = kind(span)
    return {trace: collections.Counter(spans.values()) for trace, spans in steps.items()}


def table(counts):
    """The bytes of the committed table."""
    rows = sorted((trace[:16], *(counts[trace][k] for k in KINDS)) for trace in counts)
    if len({row[0] for row in rows}) != len(rows):
        sys.exit("two runs share the first half of their trace id: the table needs longer ids")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["trace", *KINDS])
    writer.writerows(rows)
    return gzip.compress(out.getvalue().encode(), compresslevel=9, mtime=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the tables instead of comparing")
    arguments = parser.parse_args()
    files = sorted(DATA.glob("*/dev/otlp.jsonl.zst"))
    if not files:
        print("skipped: no recorded runs in ../shared")
        return 0
    different = 0
    for path in files:
        name = path.parent.parent.name
        counts = count(path)
        bytes_now = table(counts)
        target = TABLES / f"{name}.csv.gz"
        if arguments.write:
            TABLES.mkdir(exist_ok=True)
            target.write_bytes(bytes_now)
        # The text is compared, not the gzip bytes: another zlib may compress otherwise.
        same = target.exists() and gzip.decompress(target.read_bytes()) == gzip.decompress(bytes_now)
        different += not same
        total = sum(counts.values(), collections.Counter())
        print(f"{name}: {len(counts)} runs, {sum(total.values())} steps, {dict(total)}: {'as committed' if same else 'DIFFERENT'}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
