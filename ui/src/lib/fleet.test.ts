import { expect, test } from "vitest";
import { versions, versionsSql } from "./fleet";

test("an agent's name cannot leave its quotes", () => {
  expect(versionsSql("o'neill", { from: "a", to: "b" })).toContain("agent = 'o''neill'");
  expect(versions([["2", 3, 1, [10, 20], null, 5, 2, "x", "y", "t"]])[0]).toMatchObject({
    version: "2",
    runs: 3,
    p95: 20,
    cost: null,
  });
});
