import { expect, it } from "vitest";
import { limitValue, limitWords } from "./limits";

it("limits are said in words, also those that are new", () => {
  expect(limitWords("full_steps_max")).toBe("Steps of a run answered with content");
  expect(limitWords("very_new_things_max")).toBe("Very new things");
});

it("values have units, one of a kind is one", () => {
  expect(limitValue(2048, "bytes")).toBe("2 KiB");
  expect(limitValue(11_000, "points")).toBe("11,000 points");
  expect(limitValue(1, "backtests")).toBe("1 backtest");
  expect(limitValue(1, "queries")).toBe("1 query");
  expect(limitValue(1, "tries a minute")).toBe("1 try a minute");
  expect(limitValue(1, "requests a second")).toBe("1 request a second");
  expect(limitValue(1, "series")).toBe("1 series");
});
