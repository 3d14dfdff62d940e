import { expect, it } from "vitest";
import { agentRows } from "./agents";

const told = (parents: (number | null)[]) =>
  agentRows(parents.map((parent, at) => ({ name: String(at), parent }))).map(
    ({ agent, depth }) => "-".repeat(depth) + agent.name,
  );

it("agents stand below the one that called them", () =>
  expect(told([null, 0, 0, 1, null])).toEqual(["0", "-1", "--3", "-2", "4"]));
it("no agent is lost to a parent that is not there, or to a cycle", () =>
  expect(told([9, 2, 1])).toEqual(["0", "1", "-2"]));
