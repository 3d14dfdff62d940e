import { describe, expect, it } from "vitest";
import type { Framework } from "@/api/types";
import { filledIn, firstOf, groups, reachable } from "./frameworks";

const framework = (id: string, group: string, settings = ""): Framework => ({
  id,
  title: id.toUpperCase(),
  language: "any",
  group,
  install: "",
  where: "",
  settings,
  note: "",
});

describe("the address in the settings", () => {
  it.each([
    ["http://127.0.0.1:4318", "http://127.0.0.1:4318"],
    ["http://0.0.0.0:4318", "http://box.lan:4318"],
    ["http://[::]:4318", "http://box.lan:4318"],
    [undefined, "http://localhost:8296"],
    ["not an address", "http://localhost:8296"],
  ])("%s is called as %s", (address, expected) => {
    expect(reachable(address, "http://localhost:8296", "box.lan")).toBe(expected);
  });

  it("is one that can be reached", () => {
    const endpoints = { http: "http://0.0.0.0:1", otlp_http: "http://0.0.0.0:2", otlp_grpc: "http://0.0.0.0:3" };
    const settings = "\na http://0.0.0.0:2/v1 b 0.0.0.0:3\n";
    const [filled] = filledIn([framework("a", "sdk", settings)], endpoints, "http://box.lan:1", "box.lan");
    expect(filled?.settings).toBe("a http://box.lan:2/v1 b box.lan:3");
  });
});

it("offers what has no tab, by group", () => {
  expect(groups([framework("a", "start"), framework("b", "sdk"), framework("c", "collector")])).toEqual([
    { group: "OpenTelemetry SDKs", items: [{ value: "b", label: "B" }] },
    { group: "Collectors", items: [{ value: "c", label: "C" }] },
  ]);
});

it("Python, TypeScript, Rust, curl and a coding agent have tabs of their own, in this order", () => {
  const all = [
    framework("claude-code", "coding agent"),
    framework("codex", "coding agent"),
    framework("curl", "start"),
    framework("new", "start"),
    framework("rust", "sdk"),
    framework("javascript", "sdk"),
    framework("python", "start"),
  ];
  expect(firstOf(all).map(({ id }) => id)).toEqual(["python", "javascript", "rust", "curl", "claude-code", "new"]);
  expect(groups(all).flatMap(({ items }) => items.map(({ value }) => value))).toEqual(["codex"]);
});
