import { expect, it } from "vitest";
import { facts, tableRows } from "./status";

it("the store's figures are named and have units", () => {
  expect(
    facts({
      segments: 1200,
      hot: { rows: 5, bytes: 2048 },
      log_bytes: 1024,
      set_aside: 2,
      replaying: false,
      url: "file:///x",
      list: [1],
    }),
  ).toEqual([
    ["Segments", "1,200"],
    ["Hot, rows", "5"],
    ["Hot, bytes", "2 KiB"],
    ["Log", "1 KiB"],
    ["Unknown files put aside at start", "2"],
    ["Replaying", "no"],
    ["Url", "file:///x"],
  ]);
});

it("tables stand side by side, even where one lacks a figure", () => {
  expect(tableRows({ spans: { bytes: 2048, hot_rows: 1200 }, logs: { bytes: 1 } })).toEqual({
    columns: ["Size", "Hot rows"],
    rows: [
      ["spans", ["2 KiB", "1,200"]],
      ["logs", ["1 B", "–"]],
    ],
  });
  expect(tableRows(undefined).rows).toEqual([]);
});
