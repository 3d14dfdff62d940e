import { expect, test } from "vitest";
import { SAMPLE_RUNS, SAMPLE_USER, sampleTraces } from "./sampleRuns";

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: { stringValue?: string } }[];
  status: { code?: number };
}

const NOW = Date.parse("2026-11-21T12:00:00Z");
let last = 0;
const spans = sampleTraces(NOW, (bytes) => (last++).toString(16).padStart(bytes * 2, "0")).resourceSpans[0]!
  .scopeSpans[0]!.spans as Span[];

test("every sample run is one tree that ended within the last hour", () => {
  const ids = new Set(spans.map((span) => span.spanId));
  expect(ids.size).toBe(spans.length);
  expect(new Set(spans.map((span) => span.traceId)).size).toBe(SAMPLE_RUNS);
  expect(spans.filter((span) => !span.parentSpanId)).toHaveLength(SAMPLE_RUNS);
  for (const span of spans) {
    expect(span.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(span.parentSpanId === undefined || ids.has(span.parentSpanId)).toBe(true);
    const [start, end] = [span.startTimeUnixNano, span.endTimeUnixNano].map((nanos) => Number(nanos.slice(0, -6)));
    expect(start).toBeGreaterThanOrEqual(NOW - 3_600_000);
    expect(end).toBeGreaterThan(start!);
    expect(end).toBeLessThanOrEqual(NOW);
  }
});

test("all of it can be found, and erased, by one name", () => {
  for (const span of spans)
    expect(span.attributes.find(({ key }) => key === "user.id")?.value.stringValue).toBe(SAMPLE_USER);
});

test("some runs fail, and one goes around in a circle", () => {
  const roots = spans.filter((span) => !span.parentSpanId);
  const failed = roots.filter((span) => span.status.code === 2);
  expect(failed.length).toBeGreaterThan(1);
  expect(failed.length).toBeLessThan(SAMPLE_RUNS / 4);
  const calls = new Map<string, number>();
  for (const span of spans)
    if (span.name === "execute_tool get_order") calls.set(span.traceId, (calls.get(span.traceId) ?? 0) + 1);
  expect([...calls.values()].filter((many) => many > 5)).toHaveLength(1);
});
