import { describe, expect, it } from "vitest";
import {
  apiQuery,
  chips,
  cleared,
  isFiltered,
  nextSort,
  parseSearch,
  readSearch,
  stringifySearch,
  toggle,
} from "./filter";

const read = (query: string) => readSearch(parseSearch(query));

describe("a runs URL", () => {
  it("gives back the view it was made from", () => {
    const search = read(
      "?agent=triage&agent=writer&status=error&q=refund%20late&from=7d&min_tokens=1000&sort=-cost_usd",
    );
    expect(search).toEqual({
      agent: ["triage", "writer"],
      status: ["error"],
      q: "refund late",
      from: "7d",
      min_tokens: 1000,
      sort: "-cost_usd",
    });
    expect(readSearch(parseSearch(stringifySearch(search)))).toEqual(search);
  });

  it("keeps values that look like numbers or truth as text", () => {
    expect(read("?session=123&version=1.0&user=true&q=42")).toEqual({
      session: ["123"],
      version: ["1.0"],
      user: ["true"],
      q: "42",
    });
  });

  it("looks in content only where there is a text to look for", () => {
    expect(apiQuery(read("?q=late&in=content"))).toMatchObject({ q: "late", in: "content" });
    expect(apiQuery(read("?in=content"))).not.toHaveProperty("in");
    expect(read("?q=late&in=elsewhere")).toEqual({ q: "late" });
  });

  it("leaves out what it cannot mean", () => {
    expect(read("?sort=colour&min_tokens=many&from=yesterdayish&max_duration_ms=-4&status=")).toEqual({});
  });

  it("survives values with separators in them", () => {
    const search = { agent: ["a&b=c", "x,y", "ü ?#"] };
    expect(readSearch(parseSearch(stringifySearch(search)))).toEqual(search);
  });
});

describe("the question to the server", () => {
  it("asks for a day unless told otherwise", () => {
    expect(apiQuery({})).toEqual({ from: "24h" });
    expect(apiQuery({ from: "all", agent: ["a"] })).toEqual({ agent: ["a"] });
  });
  it("does not send what only the page knows", () =>
    expect(apiQuery({ live: false, from: "1h" })).toEqual({ from: "1h" }));
});

describe("filters", () => {
  it("turn on and off", () => {
    const on = toggle({}, "agent", "triage");
    expect(on).toEqual({ agent: ["triage"] });
    expect(toggle(toggle(on, "agent", "writer"), "agent", "triage")).toEqual({ agent: ["writer"] });
    expect(toggle(on, "agent", "triage")).toEqual({});
  });

  it("each chip removes exactly its own restriction", () => {
    const search = read("?agent=a&agent=b&min_duration_ms=500&errors=true");
    expect(chips(search).map((chip) => [chip.label, chip.value])).toEqual([
      ["agent", "a"],
      ["agent", "b"],
      ["duration ≥", "500 ms"],
      ["errors", "in any step"],
    ]);
    for (const chip of chips(search)) expect(chips(chip.without)).toHaveLength(3);
  });

  it("clearing keeps range and order", () => {
    expect(cleared(read("?agent=a&q=x&from=1h&sort=steps"))).toEqual({ from: "1h", sort: "steps" });
    expect(isFiltered(read("?from=1h&sort=steps"))).toBe(false);
    expect(isFiltered(read("?q=x"))).toBe(true);
  });

  it("a column sorts down, up, and then not", () => {
    const down = nextSort({}, "cost_usd");
    const up = nextSort(down, "cost_usd");
    expect([down.sort, up.sort, nextSort(up, "cost_usd").sort]).toEqual(["-cost_usd", "cost_usd", undefined]);
    expect(nextSort({}, "started_at").sort).toBe("started_at");
  });
});
