import { describe, expect, it } from "vitest";
import { looksLikeMarkdown } from "./markdown";

describe("Markdown", () => {
  it.each([
    "# Title",
    "a **bold** word",
    "- one\n- two",
    "1. one\n2. two",
    "use `code`",
    "```\ncode\n```",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "[x](https://example.invalid)",
  ])("is seen in %j", (text) => expect(looksLikeMarkdown(text)).toBe(true));
  it.each([
    "Plain text.",
    "2 * 3 * 4 = 24",
    "- a single dash",
    "C# is a language",
    "cost: $5 | tax: $1",
    "snake_case_name",
    "#hashtag",
    "a\nb\nc",
  ])("is not seen in %j", (text) => expect(looksLikeMarkdown(text)).toBe(false));
  it("is not looked for in very long texts", () =>
    expect(looksLikeMarkdown(`# x\n${"word ".repeat(20_000)}`)).toBe(false));
});
