import { describe, expect, it } from "vitest";
import { reachable, snippets } from "./snippets";

describe("the address in the snippets", () => {
  it.each([
    ["http://127.0.0.1:4318", "http://127.0.0.1:4318"],
    ["http://0.0.0.0:4318", "http://box.lan:4318"],
    ["http://[::]:4318", "http://box.lan:4318"],
    [undefined, "http://localhost:8296"],
    ["not an address", "http://localhost:8296"],
  ])("%s is called as %s", (address, expected) => {
    expect(reachable(address, "http://localhost:8296", "box.lan")).toBe(expected);
  });

  it("is in every snippet", () => {
    for (const snippet of snippets("http://host:1")) expect(snippet.code).toContain("http://host:1");
  });
});
