import { describe, expect, it } from "vitest";
import { csv, inline, isBlank, parseJson } from "./json";

describe("JSON inside text", () => {
  it("is found", () => expect(parseJson(' {"a":[1]} ')).toEqual({ value: { a: [1] } }));
  it.each(["12", "{not json}", "", "null", '"text"', "[1, 2", "Dear {name}"])("is not seen in %j", (text) => {
    expect(parseJson(text)).toBeUndefined();
  });
});

it("nothing is told from zero and false", () => {
  expect([null, undefined, "", [], {}].every(isBlank)).toBe(true);
  expect([0, false, " ", [0], { a: null }].some(isBlank)).toBe(false);
});

it("values fit on a line", () => expect([inline("x"), inline({ a: 1 }), inline(null)]).toEqual(["x", '{"a":1}', ""]));

it("CSV survives quotes, commas and line breaks", () => {
  expect(
    csv(
      ["a", "b"],
      [
        ["x,y", 'say "hi"'],
        ["two\nlines", { n: 1 }],
      ],
    ),
  ).toBe('a,b\r\n"x,y","say ""hi"""\r\n"two\nlines","{""n"":1}"');
});
