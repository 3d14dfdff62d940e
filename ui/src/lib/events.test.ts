import { expect, test } from "vitest";
import { EventReader } from "./events";

test("events come out whole however the text was cut", () => {
  const text =
    'event: run\ndata: {"a":\ndata: 1}\n\n: keeps the connection\n\nevent: ping\ndata:\n\ndata: plain\r\n\r\n';
  for (const size of [1, 7, 1000]) {
    const reader = new EventReader();
    const found = [];
    for (let at = 0; at < text.length; at += size) found.push(...reader.take(text.slice(at, at + size)));
    expect(found).toEqual([
      { name: "run", data: '{"a":\n1}' },
      { name: "ping", data: "" },
      { name: "message", data: "plain" },
    ]);
  }
});

test("what has not ended is not told", () => {
  const reader = new EventReader();
  expect(reader.take("event: run\ndata: 1\n")).toEqual([]);
  expect(reader.take("\nevent: run\ndata: 2")).toEqual([{ name: "run", data: "1" }]);
});
