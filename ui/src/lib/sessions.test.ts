import { expect, test } from "vitest";
import { parseSearch, stringifySearch } from "./filter";
import { isNarrowed, readSessionsSearch, type SessionsSearch, sessionsApiQuery, sortSessions } from "./sessions";

test("an address says which sessions are listed and in which order", () => {
  const search: SessionsSearch = {
    q: "late",
    from: "30d",
    agent: ["triage"],
    user: ["ann"],
    environment: ["production"],
    status: ["error"],
    order: "-cost_usd",
  };
  expect(readSessionsSearch(parseSearch(stringifySearch({ ...search })))).toEqual(search);
  expect(readSessionsSearch({ from: "soon", status: "fine", order: "colour", x: 1 })).toEqual({});
  expect(readSessionsSearch({ order: "-last_at" })).toEqual({});
});

test("what is not chosen is not asked for", () => {
  expect(sessionsApiQuery({})).toEqual({ from: "7d" });
  expect(sessionsApiQuery({ from: "all", agent: ["triage"], order: "runs" })).toEqual({
    agent: ["triage"],
    sort: "runs",
  });
});

test("a column sorts largest first, then smallest first, then not at all", () => {
  const once = sortSessions({ q: "late" }, "cost_usd");
  const twice = sortSessions(once, "cost_usd");
  expect([once.order, twice.order]).toEqual(["-cost_usd", "cost_usd"]);
  expect(sortSessions(twice, "cost_usd")).toEqual({ q: "late" });
  // The column by which it is sorted anyway turns round.
  expect(sortSessions({}, "last_at").order).toBe("last_at");
});

test("time and order do not narrow a list down", () => {
  expect(isNarrowed({ from: "all", order: "runs" })).toBe(false);
  expect(isNarrowed({ status: ["error"] })).toBe(true);
});
