import { expect, test } from "vitest";
import { type Drawn, type Layout, layout, NODE_HEIGHT, NODE_WIDTH, shownWays, type Way } from "./fleetGraph";
import { inside, overlap, pathOf, placesOfWords, pointsOf, roomOf } from "./routes";

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
  expect(ways.map(({ line }) => pathOf(line)).every((path) => path.startsWith("M"))).toBe(true);
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

/** Which nodes a line runs behind: all but those it begins and ends at, and these but at their edges. */
const behind = ({ nodes }: Layout, { line }: Drawn) => {
  const points = pointsOf(line, 40);
  return nodes.filter((node) =>
    points.some((point) => inside(point, { ...node, width: NODE_WIDTH, height: NODE_HEIGHT })),
  );
};

const WORDS = "1,234 · 12.3 s · 10 %";

/** Words of all ways, as the page would place them; those that have a place. */
const words = ({ nodes, ways, width, height }: Layout) => {
  const lines = ways.map(({ line }) => line);
  const boxes = nodes.map((node) => ({ x: node.x, y: node.y, width: NODE_WIDTH, height: NODE_HEIGHT }));
  const places = placesOfWords(
    lines.map((parts) => ({ words: WORDS, parts })),
    boxes,
    lines,
    { width, height },
  );
  return { boxes, rooms: places.flatMap((at) => (at ? [roomOf(WORDS, at)] : [])) };
};

/** The same numbers each time. */
function chance(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
}

function someWays(seed: number): Way[] {
  const next = chance(seed);
  const agents = 2 + next(8);
  const found = new Map<string, Way>();
  for (let at = 0; at < 4 + next(40); at += 1) {
    const caller = next(5) === 0 ? null : `a${next(agents)}`;
    const kind = caller === null || next(2) === 0 ? "agent" : "tool";
    const callee = kind === "agent" ? `a${next(agents)}` : `t${next(12)}`;
    found.set(`${caller} ${callee}`, way(caller, kind, callee, next(1000)));
  }
  return [...found.values()];
}

test("no way runs behind a node: not one that passes columns, leads back, or to itself", () => {
  const known = [
    way(null, "agent", "boss", 9),
    way("boss", "agent", "helper", 5),
    way("helper", "agent", "writer", 5),
    way("boss", "tool", "search", 4),
    way("writer", "tool", "search", 3),
    way("writer", "agent", "boss", 2),
    way("helper", "agent", "helper", 2),
  ];
  for (const ways of [known, ...Array.from({ length: 300 }, (_, seed) => someWays(seed))]) {
    const drawing = layout(ways);
    for (const drawn of drawing.ways) expect(behind(drawing, drawn)).toEqual([]);
    for (const { line } of drawing.ways)
      for (const { x, y } of pointsOf(line))
        expect(x >= 0 && x <= drawing.width && y >= 0 && y <= drawing.height).toBe(true);
  }
});

test("words lie over no node and no other words, and a small graph has all of them", () => {
  for (let seed = 0; seed < 60; seed += 1) {
    const { boxes, rooms } = words(layout(someWays(seed)));
    for (const [at, room] of rooms.entries()) {
      expect(boxes.filter((box) => overlap(box, room))).toEqual([]);
      expect(rooms.filter((other, place) => place !== at && overlap(other, room))).toEqual([]);
    }
  }
  const drawing = layout([
    way(null, "agent", "boss", 9),
    way("boss", "agent", "helper", 5),
    way("boss", "agent", "other", 5),
    way("boss", "tool", "search", 4),
    way("helper", "tool", "search", 3),
    way("other", "tool", "search", 3),
    way("helper", "agent", "helper", 2),
  ]);
  expect(words(drawing).rooms).toHaveLength(drawing.ways.length);
});

test("whoever is called by an agent beside it and from outside stands behind both; those of a circle stay where they are", () => {
  const x = ({ nodes }: Layout, name: string) => nodes.find((node) => node.name === name)!.x;
  const line = layout([way(null, "agent", "a"), way(null, "agent", "b"), way("a", "agent", "b")]);
  expect(x(line, "a")).toBeLessThan(x(line, "b"));
  const circle = layout([
    way(null, "agent", "a"),
    way(null, "agent", "b"),
    way("a", "agent", "b"),
    way("b", "agent", "a"),
  ]);
  expect(x(circle, "a")).toBe(x(circle, "b"));
});

test("ways of one caller that pass a column share a lane there", () => {
  const { ways } = layout([
    way(null, "agent", "boss", 9),
    way("boss", "agent", "helper", 5),
    way("boss", "tool", "search", 4),
    way("boss", "tool", "fetch", 4),
  ]);
  const lanes = ways.filter(({ way }) => way.kind === "tool").map(({ line }) => line[1]);
  expect(lanes[0]).toEqual(lanes[1]);
  expect(lanes[0]!.bend).toBeUndefined();
});
