import { describe, expect, it } from "vitest";
import { flatten, fullBar, mergeHead, unseen, updated } from "./live";

interface R {
  trace_id: string;
  steps?: number;
}
const page = (ids: string, next: string | null = null) => ({
  runs: [...ids].map((trace_id): R => ({ trace_id })),
  next,
});
const ids = (pages: { runs: { trace_id: string }[] }[]) =>
  pages.map((each) => each.runs.map((run) => run.trace_id).join(""));

describe("a live list", () => {
  it("puts new runs on top and keeps the rest where it is", () => {
    expect(ids(mergeHead([page("cd", "1"), page("ef")], page("abcd", "x")))).toEqual(["abcd", "ef"]);
  });

  it("puts a run that was heard of late where it began, not on top", () => {
    expect(ids(mergeHead([page("bdf", "1")], page("abcde", "x")))).toEqual(["abcdef"]);
    expect(ids(mergeHead([page("abc", "1")], page("abcd", "x")))).toEqual(["abcd"]);
  });

  it("keeps the cursors of the pages it has", () => {
    expect(mergeHead([page("cd", "1"), page("ef", "2")], page("bcd", "x")).map((each) => each.next)).toEqual([
      "1",
      "2",
    ]);
  });

  it("brings known runs up to date in place", () => {
    const head = {
      runs: [
        { trace_id: "a", steps: 1 },
        { trace_id: "d", steps: 9 },
      ],
      next: null,
    };
    const merged = mergeHead<R, typeof head>([page("bc") as typeof head, page("d") as typeof head], head);
    expect(ids(merged)).toEqual(["abc", "d"]);
    expect(merged[1]!.runs[0]!.steps).toBe(9);
  });

  it("starts over when it fell behind, so that no run is missing in between", () => {
    expect(ids(mergeHead([page("yz", "1")], page("abc", "more")))).toEqual(["abc"]);
  });

  it("starts over before it grows without end", () => {
    expect(ids(mergeHead([page("cdefgh", "1")], page("abc", "x"), 7))).toEqual(["abc"]);
  });

  it("begins with the first page", () => expect(ids(mergeHead([], page("ab")))).toEqual(["ab"]));

  it("counts what is new", () =>
    expect(unseen([page("cd")], page("abc")).map((run) => run.trace_id)).toEqual(["a", "b"]));

  it("leaves a page alone that has none of the changed runs", () => {
    const before = page("ab");
    expect(updated(before, [{ trace_id: "x" }])).toBe(before);
  });

  it("shows a run once even if two pages have it", () => {
    expect(flatten([page("abc"), page("cd")]).map((run) => run.trace_id)).toEqual(["a", "b", "c", "d"]);
  });
});

describe("a full bar", () => {
  it("is a round number that an outlier does not move", () => {
    const usual = Array.from({ length: 99 }, (_, at) => 1000 + at);
    expect(fullBar([...usual, 900_000])).toBe(2000);
    expect(fullBar([])).toBe(1);
    expect(fullBar([0, 0])).toBe(1);
  });
});
