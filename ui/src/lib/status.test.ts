import { expect, it } from "vitest";
import { facts } from "./status";

it("the store's figures are named and have units", () => {
  expect(
    facts({
      segments: 1200,
      hot: { rows: 5, bytes: 2048 },
      log_bytes: 1024,
      replaying: false,
      url: "file:///x",
      list: [1],
    }),
  ).toEqual([
    ["Segments", "1,200"],
    ["Hot, rows", "5"],
    ["Hot, bytes", "2 KiB"],
    ["Log", "1 KiB"],
    ["Replaying", "no"],
    ["Url", "file:///x"],
  ]);
});
