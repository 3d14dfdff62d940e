import { expect, test } from "vitest";
import { headOf, sectionOf, span, stretchTo } from "./settings";

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

test("the audit log is read backwards, each entry once, down to the first that is kept", () => {
  const pages = [];
  for (let page = stretchTo(headOf("1203:9f3c"), 3, 500); page; page = stretchTo(page.after, 3, 500)) pages.push(page);
  expect(pages).toEqual([
    { after: 703, upTo: 1203 },
    { after: 203, upTo: 703 },
    { after: 2, upTo: 203 },
  ]);
  expect(stretchTo(headOf("0:"), 1, 500)).toBeUndefined();
});
