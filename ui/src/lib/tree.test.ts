import { describe, expect, it } from "vitest";
import { bend, buildTree, foldedSteps, guides, hiding, visibleRows } from "./tree";

//  a
//  ├ b
//  │ ├ c
//  │ └ d
//  └ e
//    └ f
//  g
const steps = [
  ["a", 0],
  ["b", 1],
  ["c", 2],
  ["d", 2],
  ["e", 1],
  ["f", 2],
  ["g", 0],
].map(([span_id, depth]) => ({ span_id: span_id as string, depth: depth as number }));
const nodes = buildTree(steps);
const ids = (rows: { step: { span_id: string } }[]) => rows.map((row) => row.step.span_id).join("");

describe("a tree of steps", () => {
  it("knows parents and where each subtree ends", () => {
    expect(nodes.map((node) => node.parent)).toEqual([-1, 0, 1, 1, 0, 4, -1]);
    expect(nodes.map((node) => node.end)).toEqual([6, 4, 3, 4, 6, 6, 7]);
  });

  it("shows everything in order when nothing is folded", () => {
    const rows = visibleRows(nodes, new Set());
    expect(ids(rows)).toBe("abcdefg");
    expect(rows.map((row) => row.descendants)).toEqual([5, 2, 0, 0, 1, 0, 0]);
  });

  it("draws a line only where a sibling follows", () => {
    const drawn = Object.fromEntries(visibleRows(nodes, new Set()).map((row) => [row.step.span_id, guides(row)]));
    expect(drawn).toEqual({
      a: [],
      b: [true],
      c: [true, true],
      d: [true, false],
      e: [false],
      f: [false, false],
      g: [],
    });
  });

  it("hides what is below a folded step, and says how much", () => {
    const rows = visibleRows(nodes, new Set(["b"]));
    expect(ids(rows)).toBe("abefg");
    expect(rows[1]).toMatchObject({ collapsed: true, descendants: 2 });
  });

  it("a step without children is never shown as folded", () => {
    expect(visibleRows(nodes, new Set(["c"])).every((row) => !row.collapsed)).toBe(true);
  });

  it("a filter keeps the way to each match, even through folded steps", () => {
    const rows = visibleRows(nodes, new Set(["a", "b"]), (step) => step.span_id === "d");
    expect(ids(rows)).toBe("abd");
    expect(rows.map((row) => row.matches)).toEqual([false, false, true]);
    expect(rows.map(guides)).toEqual([[], [false], [false, false]]);
  });

  it("names exactly what hides a step", () => {
    expect(hiding(nodes, new Set(["a", "b", "e"]), "d")).toEqual(["b", "a"]);
    expect(hiding(nodes, new Set(["e"]), "d")).toEqual([]);
  });

  it("folds what an address says: nothing or everything, and single steps the other way round", () => {
    expect([...foldedSteps(nodes, undefined, ["b"])]).toEqual(["b"]);
    const all = foldedSteps(nodes, "all", []);
    // The root stays open, and a step with nothing below it is not folded.
    expect([all.has("a"), all.has("b"), all.has("d")]).toEqual([false, true, false]);
    expect(foldedSteps(nodes, "all", ["b"]).has("b")).toBe(false);
    expect(bend(bend([], ["b"]), ["b", "a"])).toEqual(["a"]);
  });

  it("survives depths that skip levels and an empty run", () => {
    expect(visibleRows(buildTree([]), new Set())).toEqual([]);
    const odd = buildTree([
      { span_id: "x", depth: 0 },
      { span_id: "y", depth: 5 },
      { span_id: "z", depth: 5 },
    ]);
    expect(odd.map((node) => node.parent)).toEqual([-1, 0, 0]);
  });

  it("takes time in proportion to the steps", () => {
    const many = Array.from({ length: 100_000 }, (_, at) => ({ span_id: String(at), depth: at % 40 }));
    // Comparing each step with each would take minutes, and end at this test's limit.
    expect(visibleRows(buildTree(many), new Set())).toHaveLength(100_000);
  }, 60_000);
});
