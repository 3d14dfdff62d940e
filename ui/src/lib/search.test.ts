import { describe, expect, it } from "vitest";
import { parseSearch, stringifySearch } from "./filter";
import { readRunSearch, readSessionSearch, readSqlSearch } from "./search";

describe("the URL of a run", () => {
  it("names step, tab and view", () => {
    const search = { step: "00f067aa0ba902b7", tab: "raw", view: "transcript", find: "track" } as const;
    expect(readRunSearch({ ...search })).toEqual(search);
  });
  it("names what is looked for and what is unfolded", () => {
    const search = { look: "timeout", all: true, turned: ["00f067aa0ba902b7", "00f067aa0ba902b8"] } as const;
    expect(readRunSearch(parseSearch(stringifySearch(search)))).toEqual(search);
    expect(readRunSearch({ all: "no", turned: ["x"] })).toEqual({});
  });
  it("ignores what it cannot mean", () => {
    expect(readRunSearch({ step: "no-id", tab: "colours", view: "steps", find: "" })).toEqual({});
  });
});

it("any session id can be named", () => {
  const query = stringifySearch({ id: "team/2026.11 #4&x" });
  expect(readSessionSearch(parseSearch(query))).toEqual({ id: "team/2026.11 #4&x" });
});

it("SQL keeps its text", () => {
  expect(readSqlSearch({ q: "SELECT 1" })).toEqual({ q: "SELECT 1" });
});
