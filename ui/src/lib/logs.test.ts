import { describe, expect, it } from "vitest";
import type { ProjectSearch } from "./filter";
import { type LogsSearch, levels, logsQuestion, readLogsSearch, toggled } from "./logs";

describe("the page of logs", () => {
  it("reads its URL, leaving out what cannot be meant", () => {
    expect(
      readLogsSearch({ severity: "loud", service: "a", attr: ["k=1", "l=2"], tail: "true", trace_id: "x" }),
    ).toEqual({
      service: ["a"],
      attr: ["k=1", "l=2"],
      tail: true,
    });
    expect(logsQuestion({ tail: true, q: "owl" })).toEqual({ from: "1h", q: "owl" });
    // The address of every page may say a project: no filter of logs.
    const address: LogsSearch & ProjectSearch = { q: "owl", project: "bank" };
    expect(logsQuestion(address)).toEqual({ from: "1h", q: "owl" });
  });

  it("takes a value back where it is there", () => {
    expect(toggled({ service: ["a"] }, "service", "b").service).toEqual(["a", "b"]);
    expect(toggled({ service: ["a"] }, "service", "a").service).toBeUndefined();
  });

  it("stacks counts by level", () => {
    const at = Date.parse("2026-11-21T12:00:00Z");
    const rows = [
      { time: "2026-11-21T12:01:00Z", level: "error", count: 2 },
      { time: "2026-11-21T12:00:00Z", level: "info", count: 5 },
      { time: "2026-11-20T12:00:00Z", level: "info", count: 99 },
    ];
    expect(levels(rows, { starts: [at, at + 60_000], stepMs: 60_000 })).toEqual([
      { name: "error", key: "error", values: [0, 2] },
      { name: "info", key: "info", values: [5, 0] },
    ]);
  });
});
