import { expect, it } from "vitest";
import type { AgentShare } from "@/api/types";
import { agentGraph, layoutOf, lineOf } from "./agentGraph";
import { sampleStep } from "./sample";

const agent = (name: string, parent: number | null, calls = 1): AgentShare =>
  ({ agent: name, parent, calls, span_id: name, errors: 0, own_ms: 10, delegated_ms: 0 }) as AgentShare;

it("draws who entered whom, and the tools each used, in rows that do not overlap", () => {
  const tool = (span_id: string, of: string, name: string, status: "ok" | "error" = "ok") =>
    sampleStep({
      span_id,
      kind: "tool",
      agent: of,
      status,
      tool: { name, call_id: null, arguments: null, result: null },
    });
  const { nodes, edges } = agentGraph(
    [agent("planner", null), agent("worker", 0, 3)],
    [
      tool("1", "planner", "search"),
      tool("2", "worker", "fetch"),
      tool("3", "worker", "fetch", "error"),
      tool("4", "worker", "save"),
    ],
  );
  expect(nodes.map((node) => [node.name, node.column, node.row])).toEqual([
    ["planner", 0, 0],
    ["search", 2, 0],
    ["worker", 1, 1],
    ["fetch", 2, 1],
    ["save", 2, 2],
  ]);
  expect(edges.find((edge) => edge.to === "agent 1")).toMatchObject({ from: "agent 0", calls: 3 });
  expect(edges.find((edge) => edge.to === "agent 1 fetch")).toMatchObject({ calls: 2, errors: 1 });
});

const three = agentGraph(
  [agent("planner", null), agent("worker", 0)],
  [
    sampleStep({
      span_id: "1",
      kind: "tool",
      agent: "worker",
      tool: { name: "fetch", call_id: null, arguments: null, result: null },
    }),
  ],
);

it("boxes stand beside one another where they fit, a little smaller where they nearly do", () => {
  const wide = layoutOf(three.nodes, three.edges, 1200);
  expect(wide).toMatchObject({ width: 896, scale: 1, stacked: false });
  expect(wide.places.get("agent 1")).toEqual({ x: 332, y: 58, width: 232 });
  expect(layoutOf(three.nodes, three.edges, 806.4).scale).toBeCloseTo(0.9);
  // On a desk one rather scrolls than reads what is too small.
  expect(layoutOf(three.nodes, three.edges, 721).scale).toBeCloseTo(0.805, 2);
});

it("on a phone they stand below one another, each under the one that entered it, and none beyond the edge", () => {
  const { places, stacked, scale, width } = layoutOf(three.nodes, three.edges, 360);
  expect([stacked, scale, width]).toEqual([true, 1, 360]);
  expect([...places]).toEqual([
    ["agent 0", { x: 0, y: 0, width: 360 }],
    ["agent 1", { x: 22, y: 54, width: 338 }],
    ["agent 1 fetch", { x: 44, y: 108, width: 316 }],
  ]);
  expect(lineOf(places.get("agent 0")!, places.get("agent 1")!, true)).toBe("M11,46 V77 H22");
  const deep = agentGraph(
    Array.from({ length: 30 }, (_, at) => agent(`a${at}`, at === 0 ? null : at - 1)),
    [],
  );
  for (const { x, width } of layoutOf(deep.nodes, deep.edges, 360).places.values()) {
    expect(x + width).toBe(360);
    expect(width).toBeGreaterThanOrEqual(150);
  }
});
