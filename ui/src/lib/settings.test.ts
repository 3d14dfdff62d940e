import { expect, test } from "vitest";
import { sectionOf, span } from "./settings";

test("lengths of time read as somebody set them", () => {
  expect([span(90 * 86_400), span(36 * 3600), span(60), span(61), span(null)]).toEqual([
    "90 days",
    "36 hours",
    "1 minute",
    "61 seconds",
    "for ever",
  ]);
});

test("an unknown section is the first", () => {
  expect([sectionOf("prices"), sectionOf("x")]).toEqual(["prices", "keys"]);
});
