import { expect, test } from "vitest";
import { COMPARED_MAX, comparing, pastedTrace, pieces, readCompareSearch, spread } from "./compare";

test("what both texts say is common, the rest is marked in each", () => {
  const [left, right] = pieces("Refund order 17 now", "Refund order 18 later now");
  expect(left.filter((piece) => piece.differs).map((piece) => piece.text.trim())).toEqual(["17"]);
  expect(right.filter((piece) => piece.differs).map((piece) => piece.text.trim())).toEqual(["18 later"]);
  for (const [side, text] of [
    [left, "Refund order 17 now"],
    [right, "Refund order 18 later now"],
  ] as const)
    expect(side.map((piece) => piece.text).join("")).toBe(text);
});

test("texts without a common word differ as a whole, equal ones nowhere", () => {
  expect(pieces("ja", "nein")).toEqual([[{ text: "ja", differs: true }], [{ text: "nein", differs: true }]]);
  expect(pieces("same words", "same words")[0]).toEqual([{ text: "same words", differs: false }]);
  expect(pieces("", "new")).toEqual([[], [{ text: "new", differs: true }]]);
});

test("long texts are kept whole", () => {
  const text = "word ".repeat(2000);
  expect(
    pieces(text, `${text}more`)[1]
      .map((piece) => piece.text)
      .join(""),
  ).toBe(`${text}more`);
});

test("a pasted address holds the run", () => {
  const id = "0123456789abcdef0123456789abcdef";
  expect(pastedTrace(`http://127.0.0.1:8296/runs/${id}?step=1`)).toBe(id);
  expect(pastedTrace("no id")).toBeUndefined();
  expect(readCompareSearch({ a: id.toUpperCase(), b: "x", pair: "3", only: "different" })).toEqual({
    a: id,
    pair: 3,
    only: "different",
  });
});

test("some runs are an address, and the address is the runs, each once and not too many", () => {
  const ids = Array.from({ length: 30 }, (_, at) => at.toString(16).padStart(32, "f"));
  expect(comparing(ids.slice(0, 1))).toEqual({ a: ids[0] });
  expect(comparing(ids.slice(0, 2))).toEqual({ a: ids[0], b: ids[1] });
  const { a, b, more } = comparing(ids);
  expect([a, b, more?.length]).toEqual([ids[0], ids[1], COMPARED_MAX - 2]);
  expect(readCompareSearch({ a, b, more: [...more!, ids[0], ids[5]], order: "-cost" })).toEqual({
    a,
    b,
    more,
    order: "-cost",
  });
  expect(readCompareSearch({ a, b, more: ids[2] })).toEqual({ a, b, more: [ids[2]] });
  expect(readCompareSearch({ a, more: ids[2] })).toEqual({ a });
});

test("the spread of numbers leaves out what is not known", () => {
  expect(spread([4, null, 1, 9])).toEqual({ low: 1, middle: 4, high: 9 });
  expect(spread([1, 2])).toEqual({ low: 1, middle: 1.5, high: 2 });
  expect(spread([null, undefined])).toBeUndefined();
});
