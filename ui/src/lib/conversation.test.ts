import { describe, expect, it } from "vitest";
import { conversation } from "./conversation";
import { answer, ask, say } from "./sample";

describe("a conversation", () => {
  it("shows a call together with its answer, and the answer only there", () => {
    const turns = conversation(
      [say("user", "late?"), ask("c1", "track", { id: 7 }), answer("c1", "delayed")],
      [say("assistant", "Yes.")],
    );
    expect(turns.map((turn) => [turn.message.role, turn.output])).toEqual([
      ["user", false],
      ["assistant", false],
      ["assistant", true],
    ]);
    expect(turns[1]!.parts).toMatchObject([
      { type: "exchange", call: { name: "track" }, result: { result: "delayed" } },
    ]);
  });

  it("pairs by id even when answers come in another order", () => {
    const both = { role: "assistant" as const, parts: [...ask("a", "one").parts, ...ask("b", "two").parts] };
    const [turn] = conversation([both, answer("b", 2), answer("a", 1)], []);
    expect(turn!.parts).toMatchObject([{ result: { result: 1 } }, { result: { result: 2 } }]);
  });

  it("pairs by order where nobody gave ids", () => {
    const turns = conversation([ask(null, "one"), answer(null, 1), ask(null, "two"), answer(null, 2)], []);
    expect(turns.map((turn) => turn.parts)).toMatchObject([[{ result: { result: 1 } }], [{ result: { result: 2 } }]]);
  });

  it("keeps an answer whose call was cut off", () => {
    const turns = conversation([answer("gone", "orphaned")], []);
    expect(turns).toHaveLength(1);
    expect(turns[0]!.parts).toMatchObject([{ type: "exchange", result: { result: "orphaned" } }]);
  });

  it("leaves a call that was never answered open", () => {
    expect(conversation([], [ask("x", "wait")])[0]!.parts).toMatchObject([{ type: "exchange", result: undefined }]);
  });
});
