import { expect, test } from "vitest";
import { curve, layout, shownWays, versions, versionsSql, type Way } from "./fleet";

const way = (caller: string | null, kind: string, callee: string, calls = 1): Way => ({
  caller,
  kind,
  callee,
  calls,
  errors: 0,
});

test("who calls stands left of what is called, tools behind all agents", () => {
  const { nodes, ways } = layout([
    way(null, "agent", "boss", 9),
    way("boss", "agent", "helper", 5),
    way("boss", "tool", "search", 4),
    way("helper", "tool", "search", 3),
  ]);
  const x = (name: string) => nodes.find((node) => node.name === name)!.x;
  expect(x("outside")).toBeLessThan(x("boss"));
  expect(x("boss")).toBeLessThan(x("helper"));
  expect(x("helper")).toBeLessThan(x("search"));
  expect(nodes.filter((node) => node.name === "search")).toHaveLength(1);
  expect(nodes.find((node) => node.name === "search")!.calls).toBe(7);
  expect(ways).toHaveLength(4);
});

test("agents that call each other are drawn, with a way back", () => {
  const { nodes, ways } = layout([way("a", "agent", "b"), way("b", "agent", "a")]);
  expect(nodes.map((node) => node.name).sort()).toEqual(["a", "b"]);
  expect(ways.map(curve).every((path) => path.startsWith("M"))).toBe(true);
});

test("no two nodes lie on one another, and all lie inside", () => {
  const many = Array.from({ length: 30 }, (_, at) =>
    way(at % 3 ? "boss" : null, at % 2 ? "tool" : "agent", `n${at}`, at),
  );
  const { nodes, width, height } = layout([way(null, "agent", "boss", 50), ...many]);
  for (const one of nodes)
    for (const other of nodes)
      if (one !== other && one.x === other.x) expect(Math.abs(one.y - other.y)).toBeGreaterThan(34);
  for (const node of nodes) {
    expect(node.x >= 0 && node.x + 168 <= width).toBe(true);
    expect(node.y >= 0 && node.y + 34 <= height).toBe(true);
  }
});

test("an agent stands beside the tools it calls, far from those of another", () => {
  const tools = (agent: string) => Array.from({ length: 8 }, (_, at) => way(agent, "tool", `${agent}-${at}`, 10 - at));
  const { nodes } = layout([
    way(null, "agent", "one", 9),
    way(null, "agent", "two", 8),
    ...tools("one"),
    ...tools("two"),
  ]);
  const y = (name: string) => nodes.find((node) => node.name === name)!.y;
  for (const agent of ["one", "two"]) {
    const own = nodes.filter((node) => node.name.startsWith(`${agent}-`)).map((node) => node.y);
    expect(y(agent)).toBeGreaterThan(Math.min(...own));
    expect(y(agent)).toBeLessThan(Math.max(...own));
  }
});

test("of thousands of names the busiest are drawn", () => {
  const { nodes } = layout(Array.from({ length: 5000 }, (_, at) => way("boss", "tool", `t${at}`, at)));
  expect(nodes.length).toBeLessThanOrEqual(48);
  expect(nodes.some((node) => node.name === "t4999")).toBe(true);
});

test("one agent is shown with whoever calls it and what it calls", () => {
  const all = [
    way(null, "agent", "boss"),
    way("boss", "agent", "helper"),
    way("helper", "tool", "search"),
    way("boss", "llm", "gpt"),
  ];
  expect(shownWays(all, undefined, "helper").map((each) => each.callee)).toEqual(["helper", "search"]);
  expect(shownWays(all, "all").map((each) => each.callee)).toEqual(["boss", "helper", "search", "gpt"]);
  expect(shownWays(all, "agents").map((each) => each.callee)).toEqual(["boss", "helper"]);
});

test("an agent's name cannot leave its quotes", () => {
  expect(versionsSql("o'neill", { from: "a", to: "b" })).toContain("agent = 'o''neill'");
  expect(versions([["2", 3, 1, [10, 20], null, 5, 2, "x", "y", "t"]])[0]).toMatchObject({
    version: "2",
    runs: 3,
    p95: 20,
    cost: null,
  });
});
