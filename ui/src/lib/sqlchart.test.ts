import { expect, test } from "vitest";
import { drawing } from "./sqlchart";

const columns = (...all: [string, string][]) => all.map(([name, type]) => ({ name, type }));

test("names get a bar for each number", () => {
  const answer = {
    columns: columns(["agent", "Utf8"], ["runs", "Int64"], ["usd", "Float64"]),
    rows: [
      ["a", 3, 0.5],
      ["b", 1, null],
    ],
  };
  expect(drawing(answer)).toMatchObject({
    x: "agent",
    labels: ["a", "b"],
    kind: "bars",
    series: [
      { name: "runs", values: [3, 1] },
      { name: "usd", values: [0.5, null] },
    ],
  });
});

test("a time lies along the axis in order, with a line for each name", () => {
  const answer = {
    columns: columns(["model", "Utf8"], ["hour", "Timestamp(Nanosecond, None)"], ["calls", "UInt64"]),
    rows: [
      ["x", "2026-11-20T11:00:00Z", 2],
      ["x", "2026-11-20T10:00:00Z", 1],
      ["y", "2026-11-20T11:00:00Z", 5],
    ],
  };
  const found = drawing(answer)!;
  expect(found.kind).toBe("lines");
  expect(found.labels).toHaveLength(2);
  expect(found.series).toEqual([
    { name: "x", values: [1, 2] },
    { name: "y", values: [null, 5] },
  ]);
});

test("without numbers or rows nothing is drawn, and too many names are counted", () => {
  expect(drawing({ columns: columns(["a", "Utf8"]), rows: [["x"]] })).toBeUndefined();
  expect(drawing({ columns: columns(["n", "Int64"]), rows: [] })).toBeUndefined();
  const many = {
    columns: columns(["a", "Utf8"], ["n", "Int64"]),
    rows: Array.from({ length: 50 }, (_, at) => [`a${at}`, at]),
  };
  expect(drawing(many)?.left).toBe(10);
});

test("numbers of other units or far apart in size get an axis each, lines of one number share theirs", () => {
  const sizes = {
    columns: columns(["agent", "Utf8"], ["runs", "Int64"], ["tokens", "Int64"], ["failed", "Int64"], ["ms", "Float64"]),
    rows: [
      ["a", 300, 4_000_000, 0, 900],
      ["b", 120, 1_000, 0, null],
    ],
  };
  expect(drawing(sizes)?.panels).toEqual([[0, 2], [1], [3]]);
  const named = {
    columns: columns(["hour", "Timestamp(Second, None)"], ["model", "Utf8"], ["tokens", "Int64"]),
    rows: [
      ["2026-11-20T10:00:00Z", "x", 5],
      ["2026-11-20T10:00:00Z", "y", 5_000_000],
    ],
  };
  expect(drawing(named)?.panels).toEqual([[0, 1]]);
});
