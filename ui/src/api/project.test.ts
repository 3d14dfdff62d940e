import { expect, it } from "vitest";
import { chosen, inProject } from "./project";

it("stays with the project that an address named", () => {
  const kept = new Map<string, string>();
  const store = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
  expect(chosen("?from=1h", store)).toBeUndefined();
  expect(chosen("?project=bank+%26+co", store)).toBe("bank & co");
  expect(chosen("?from=1h", store)).toBe("bank & co");
  expect(chosen("?project=", store)).toBeUndefined();
  expect(chosen("", store)).toBeUndefined();
  expect(chosen("?project=bank", undefined)).toBe("bank");
});

it("names it where the browser asks by itself", () => {
  expect(inProject("/api/v1/live", undefined)).toBe("/api/v1/live");
  expect(inProject("/api/v1/live", "a b")).toBe("/api/v1/live?tawny-project=a%20b");
  expect(inProject("/api/v1/costs.csv?by=user", "bank")).toBe("/api/v1/costs.csv?by=user&tawny-project=bank");
});
