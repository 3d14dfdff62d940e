import { expect, it } from "vitest";
import type { AgentShare } from "@/api/types";
import { agentGraph } from "./agentGraph";
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
