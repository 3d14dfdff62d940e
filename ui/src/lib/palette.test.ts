import { expect, it } from "vitest";
import { fits, modKey, traceIn } from "./palette";

it("finds a trace id in whatever was pasted", () => {
  const id = "4bf92f3577b34da6a3ce929d0e0e4736";
  expect(traceIn(`http://h:8296/runs/${id}?step=1`)).toBe(id);
  expect(traceIn("4BF92F35-77B3-4DA6-A3CE-929D0E0E4736")).toBe(id);
  expect(traceIn("refund")).toBeUndefined();
});

it("matches names by the beginnings of their words", () => {
  expect(fits("Send traces", "se tr")).toBe(true);
  expect(fits("Send traces", "runs")).toBe(false);
  expect(fits("Overview", "")).toBe(true);
});

it("names the key of commands as the keyboard does", () => {
  expect([modKey("MacIntel"), modKey("Linux x86_64"), modKey("Win32")]).toEqual(["⌘", "Ctrl", "Ctrl"]);
});
