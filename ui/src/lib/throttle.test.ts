import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { throttle } from "./throttle";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("many events are one piece of work", async () => {
  const work = vi.fn(async () => undefined);
  const { call } = throttle(work, 100);
  for (let n = 0; n < 50; n += 1) call();
  expect(work).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(100);
  expect(work).toHaveBeenCalledTimes(1);
});

it("an event during the work is not lost, and nothing runs twice at once", async () => {
  let now = 0;
  let most = 0;
  const work = vi.fn(async () => {
    now += 1;
    most = Math.max(most, now);
    await new Promise((done) => setTimeout(done, 500));
    now -= 1;
  });
  const { call } = throttle(work, 100);
  call();
  await vi.advanceTimersByTimeAsync(300);
  call();
  call();
  await vi.advanceTimersByTimeAsync(5000);
  expect(work).toHaveBeenCalledTimes(2);
  expect(most).toBe(1);
});

it("goes on after a failure", async () => {
  const work = vi.fn(async () => {
    throw new Error("no");
  });
  const { call } = throttle(work, 10);
  call();
  await vi.advanceTimersByTimeAsync(20);
  call();
  await vi.advanceTimersByTimeAsync(20);
  expect(work).toHaveBeenCalledTimes(2);
});

it("stops when it is told to", async () => {
  const work = vi.fn(async () => undefined);
  const { call, cancel } = throttle(work, 10);
  call();
  cancel();
  await vi.advanceTimersByTimeAsync(50);
  expect(work).not.toHaveBeenCalled();
});
