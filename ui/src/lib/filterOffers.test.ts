import { describe, expect, it } from "vitest";
import { offers, rareField, replaceLast, restricted } from "./filterOffers";

const counts = {
  agent: [
    { value: "support", count: 9 },
    { value: "planner", count: 2 },
  ],
  status: [{ value: "error", count: 3 }],
};
const labels = (text: string) => offers(text, counts).map((offer) => offer.label);

describe("completion", () => {
  it("offers fields, then their values", () => {
    expect(labels("refund ag")).toEqual(["agent: …"]);
    expect(labels("agent:")).toEqual(["agent: support", "agent: planner"]);
    expect(labels("agent:pla")).toEqual(["agent: planner"]);
    expect(labels("supp")).toEqual(["agent: support"]);
    expect(labels("refund ")).toEqual([]);
  });

  it("reads bounds with units, and values without a list as written", () => {
    expect(offers("duration>2s", counts)[0]!.change).toEqual({ bound: "min_duration_ms", value: 2000 });
    expect(offers("tokens<5k", counts)[0]!.change).toEqual({ bound: "max_tokens", value: 5000 });
    expect(offers("steps>=20", counts)[0]!.change).toEqual({ bound: "min_steps", value: 20 });
    expect(offers("user:u-1", counts)[0]!.change).toEqual({ field: "user", value: "u-1" });
  });

  it("users and tags are offered with their counts, and taken as written too", () => {
    expect(rareField("late user:an")).toBe("user");
    expect(rareField("late agent:an")).toBeUndefined();
    const users = { user: [{ value: "anna", count: 4 }] };
    expect(offers("user:an", users).map(({ label, count }) => [label, count])).toEqual([
      ["user: anna", 4],
      ["user: an", undefined],
    ]);
    expect(offers("user:anna", users)).toHaveLength(1);
    expect(offers("session:", {})).toEqual([]);
  });

  it("restricts the list and leaves the rest of the text", () => {
    expect(restricted({ agent: ["a"] }, { field: "agent", value: "b" })).toEqual({ agent: ["a", "b"] });
    expect(restricted({ agent: ["a"] }, { field: "agent", value: "a" })).toEqual({ agent: ["a"] });
    expect(replaceLast("late refund agent:su")).toBe("late refund ");
    expect(replaceLast("ag", "agent:")).toBe("agent:");
  });
});
