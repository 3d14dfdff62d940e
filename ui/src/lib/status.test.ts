import { expect, it } from "vitest";
import { facts, tableRows } from "./status";

it("the store's figures are named, have units, and those that belong together stand together", () => {
  expect(
    facts({
      segments: 1200,
      hot: { rows: 5, bytes: 2048 },
      log_bytes: 1024,
      set_aside: 2,
      log_flushed: 7,
      log_sequence: 9,
      replaying: false,
      url: "file:///x",
      list: [1],
    }),
  ).toEqual([
    ["Log", "1 KiB"],
    ["Requests ever logged", "9"],
    ["Of those requests, in files", "7"],
    ["Unknown files put aside at start", "2"],
    ["Segments", "1,200"],
    ["Hot, rows", "5"],
    ["Hot, bytes", "2 KiB"],
    ["Replaying", "no"],
    ["Url", "file:///x"],
  ]);
});

it("tables stand side by side, even where one lacks a figure", () => {
  expect(tableRows({ spans: { bytes: 2048, sealed_rows: 7, hot_rows: 1200 }, logs: { bytes: 1, other: 2 } })).toEqual({
    columns: ["Size", "Rows in memory", "Rows in files", "Other"],
    rows: [
      ["spans", ["2 KiB", "1,200", "7", "–"]],
      ["logs", ["1 B", "–", "–", "2"]],
    ],
  });
  expect(tableRows(undefined).rows).toEqual([]);
});
