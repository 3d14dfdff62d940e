import { expect, test } from "vitest";
import type { Brake } from "@/api/types";
import { brakeInWords, inForce } from "./brakes";

const brake = (more: Partial<Brake>) => ({ action: "hold", agent: null, tool: null, in_force: true, ...more }) as Brake;

test("a brake says whom it holds, and how", () => {
  expect(brakeInWords(brake({ agent: "desk" }))).toBe("desk is held");
  expect(brakeInWords(brake({ agent: "desk", tool: "refund" }))).toBe("the tool refund is held");
  expect(brakeInWords(brake({ action: "human" }))).toBe("every agent is handed over to people");
  expect(brakeInWords(brake({ action: "previous", agent: "desk", version: "1.0" }))).toBe("desk works as 1.0");
});

test("an agent is concerned by its own brakes and by those of everybody, while they are in force", () => {
  const [own, all, other, over] = [
    brake({ agent: "desk" }),
    brake({}),
    brake({ agent: "till" }),
    brake({ in_force: false }),
  ];
  expect(inForce([own, all, other, over], "desk")).toEqual([own, all]);
  expect(inForce([own, all, other, over])).toEqual([own, all, other]);
});
