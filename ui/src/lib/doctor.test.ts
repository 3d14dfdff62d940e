import { describe, expect, it } from "vitest";
import type { DoctorFinding } from "@/api/types";
import { bySeverity, library, quantity } from "./doctor";

const finding = (id: string, severity: string): DoctorFinding => ({
  id,
  severity,
  title: id,
  why: "",
  origin: { dialect: "", scope: "", version: "" },
  count: 1,
  of: 1,
  noun: "spans",
  share: 1,
  details: [],
});

describe("what the doctor found", () => {
  it("is grouped with the worst first", () => {
    const groups = bySeverity([finding("a", "info"), finding("b", "error"), finding("c", "info")]);
    expect(groups.map(([severity, , group]) => [severity, group.map(({ id }) => id)])).toEqual([
      ["error", ["b"]],
      ["info", ["a", "c"]],
    ]);
  });

  it.each([
    [{ count: 12, of: 40, share: 0.3 }, "12 of 40 model calls, 30 %"],
    [{ count: 2, of: 4000, share: 0.0005 }, "2 of 4,000 model calls, below 1 %"],
    [{ count: 4, of: 4, share: 1 }, "4 model calls"],
  ])("%j is %s", (numbers, words) => {
    expect(quantity({ ...numbers, noun: "model calls" })).toBe(words);
  });

  it("names the library, else the dialect", () => {
    expect(library({ dialect: "otel_genai", scope: "openai_v2", version: "2.1" })).toBe("openai_v2 2.1");
    expect(library({ dialect: "otel_genai", scope: "openai_v2", version: "" })).toBe("openai_v2");
    expect(library({ dialect: "otel_genai", scope: "", version: "" })).toBe("otel_genai");
  });
});
