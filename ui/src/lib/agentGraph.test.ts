import { expect, it } from "vitest";
import type { AgentShare } from "@/api/types";
import { agentGraph, BOX, layoutOf, lineOf } from "./agentGraph";
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
  const { places, stacked, scale, width, indent } = layoutOf(three.nodes, three.edges, 360);
  expect([stacked, scale, width]).toEqual([true, 1, 360]);
  expect([...places]).toEqual([
    ["agent 0", { x: 0, y: 0, width: 360 }],
    ["agent 1", { x: 22, y: 54, width: 338 }],
    ["agent 1 fetch", { x: 44, y: 108, width: 316 }],
  ]);
  expect(lineOf(places.get("agent 0")!, places.get("agent 1")!, { stacked, indent })).toBe("M11,46 V77 H22");
  const deep = agentGraph(
    Array.from({ length: 30 }, (_, at) => agent(`a${at}`, at === 0 ? null : at - 1)),
    [],
  );
  for (const { x, width } of layoutOf(deep.nodes, deep.edges, 360).places.values()) {
    expect(x + width).toBeCloseTo(360);
    expect(width).toBeGreaterThanOrEqual(149.999);
  }
});

/** Points of a line: what is level or upright, and the curve between as the bend it is. */
function pointsOf(line: string): [number, number][] {
  const found: [number, number][] = [];
  const to = (x: number, y: number) => {
    const [x0, y0] = found.at(-1) ?? [x, y];
    for (let at = 1; at <= 40; at += 1) found.push([x0 + ((x - x0) * at) / 40, y0 + ((y - y0) * at) / 40]);
  };
  for (const [, letter, rest] of line.matchAll(/([MHVC])([^MHVC]*)/g)) {
    const given = rest!.trim().split(/[ ,]/).map(Number);
    const [x, y] = found.at(-1) ?? [0, 0];
    if (letter === "M") found.push([given[0]!, given[1]!]);
    else if (letter === "H") to(given[0]!, y);
    else if (letter === "V") to(x, given[0]!);
    else {
      // A curve that is level at both ends goes nowhere left or right of these.
      to((x + given[4]!) / 2, y);
      to((x + given[4]!) / 2, given[5]!);
      to(given[4]!, given[5]!);
    }
  }
  return found;
}

it("no line runs behind a box, however deep and wide the run, on a desk and on a phone", () => {
  for (let seed = 1; seed < 40; seed += 1) {
    const agents = Array.from({ length: 2 + (seed % 13) }, (_, at) =>
      agent(`a${at}`, at === 0 ? null : seed % 3 === 0 ? at - 1 : (at * seed) % at),
    );
    const used = agents.flatMap(({ agent: of }, at) =>
      Array.from({ length: (at * 7 + seed) % 9 }, (_, each) =>
        sampleStep({
          span_id: `${at} ${each}`,
          kind: "tool",
          agent: of,
          tool: { name: `t${each}`, call_id: null, arguments: null, result: null },
        }),
      ),
    );
    const { nodes, edges } = agentGraph(agents, used);
    for (const available of [360, 1200]) {
      const layout = layoutOf(nodes, edges, available);
      for (const edge of edges) {
        const points = pointsOf(lineOf(layout.places.get(edge.from)!, layout.places.get(edge.to)!, layout));
        for (const [id, { x, y, width }] of layout.places)
          expect([
            edge.from,
            edge.to,
            id,
            points.some(([px, py]) => px > x && px < x + width && py > y && py < y + BOX.height),
          ]).toEqual([edge.from, edge.to, id, false]);
      }
    }
  }
});
