import { expect, test } from "vitest";
import { placeAt, ranked, written } from "./complete";

/** The caret is where the bar is. */
const at = (marked: string) => {
  const caret = marked.indexOf("|");
  return placeAt(marked.replace("|", ""), caret);
};

test("where the caret is decides what is offered", () => {
  expect(at("sum(rate(agent_req|")).toMatchObject({ kind: "word", prefix: "agent_req" });
  expect(at("agent_requests_total{st|")).toMatchObject({
    kind: "label",
    prefix: "st",
    selector: "agent_requests_total",
  });
  expect(at('agent_requests_total{a="b", status=~"fa|"}')).toMatchObject({
    kind: "value",
    prefix: "fa",
    label: "status",
    selector: "agent_requests_total",
  });
  expect(at("sum by (age|) (rate(agent_requests_total[5m]))")).toMatchObject({ kind: "label", prefix: "age" });
  expect(at("rate(agent_requests_total[|")).toMatchObject({ kind: "range", prefix: "" });
  expect(at("sum(a) > 0.5|")).toBeUndefined();
  expect(at('label_replace(a, "x|')).toBeUndefined();
});

test("brackets and words in quotes and comments do not count", () => {
  expect(at('a{b="{("} + agent|')).toMatchObject({ kind: "word", prefix: "agent" });
  expect(at("a # {\n + b|")).toMatchObject({ kind: "word", prefix: "b" });
});

test("what is chosen takes the place of the word, and the caret stands where one goes on", () => {
  const query = "sum(ra)";
  const place = placeAt(query, 6)!;
  expect(written(query, 6, place, { insert: "rate()", label: "rate", about: "", back: 1 })).toEqual({
    text: "sum(rate())",
    caret: 9,
  });
  const range = "rate(x[";
  expect(written(range, 7, placeAt(range, 7)!, { insert: "5m", label: "5m", about: "" }).text).toBe("rate(x[5m]");
});

test("beginnings come before what is inside of a word", () => {
  const offers = ["agent_cost_total", "cost_total", "tawny_cost"].map((label) => ({ insert: label, label, about: "" }));
  expect(ranked(offers, "cost").map((offer) => offer.label)).toEqual(["cost_total", "agent_cost_total", "tawny_cost"]);
  expect(ranked(offers, "zzz")).toEqual([]);
});
