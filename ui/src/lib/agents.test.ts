import { expect, it } from "vitest";
import { agentRows, delegatedUsd } from "./agents";

const told = (parents: (number | null)[]) =>
  agentRows(parents.map((parent, at) => ({ name: String(at), parent }))).map(
    ({ agent, depth }) => "-".repeat(depth) + agent.name,
  );

it("agents stand below the one that called them", () =>
  expect(told([null, 0, 0, 1, null])).toEqual(["0", "-1", "--3", "-2", "4"]));
it("no agent is lost to a parent that is not there, or to a cycle", () =>
  expect(told([9, 2, 1])).toEqual(["0", "1", "-2"]));

it("what was delegated is what all agents below cost, known or not", () => {
  const costs = [1, 0.5, 0.25, null, 4];
  const rows = agentRows([null, 0, 1, 0, null].map((parent, at) => ({ parent, cost_usd: costs[at]! })));
  expect(rows.map((_, at) => delegatedUsd(rows, at))).toEqual([0.75, 0.25, null, null, null]);
});
