/** Settings by framework, with addresses as this browser's machine reaches them. Pure. */
import type { Framework, Status } from "@/api/types";

/** An address of the server as a client on this machine reaches it: `0.0.0.0` means "every address", not one to call. */
export function reachable(address: string | undefined, fallback: string, hostname: string): string {
  try {
    const url = new URL(address ?? fallback);
    const anywhere = /^(0\.0\.0\.0|\[::\])$/.test(url.hostname);
    if (anywhere) url.hostname = hostname;
    return url.origin;
  } catch {
    return fallback;
  }
}

/** The server's addresses in the settings become those a client here reaches. */
export function filledIn(
  frameworks: Framework[],
  endpoints: Status["endpoints"],
  origin: string,
  hostname: string,
): Framework[] {
  const bare = (url: string) => url.replace(/^https?:\/\//, "");
  const pairs = [endpoints.http, endpoints.otlp_http, endpoints.otlp_grpc].map((address): [string, string] => [
    bare(address),
    bare(reachable(address, origin, hostname)),
  ]);
  const fill = (text: string) => pairs.reduce((filled, [from, to]) => filled.replaceAll(from, to), text);
  return frameworks.map((framework) => ({
    ...framework,
    settings: fill(framework.settings).trim(),
    note: fill(framework.note ?? ""),
  }));
}

const TITLES: Record<string, string> = {
  sdk: "OpenTelemetry SDKs",
  framework: "Frameworks and libraries",
  "coding agent": "Coding agents",
  collector: "Collectors",
};

/** What most people come with, each in a tab of its own, with how the tab is called. */
export const FIRST: [id: string, name: string][] = [
  ["python", "Python"],
  ["javascript", "TypeScript"],
  ["rust", "Rust"],
  ["curl", "curl"],
  ["claude-code", "A coding agent"],
  ["environment", "Any SDK"],
];

/** Those of them that the server has settings for, in this order, and whatever else it names to start with. */
export function firstOf(frameworks: Framework[]): Framework[] {
  const named = FIRST.flatMap(([id]) => frameworks.filter((each) => each.id === id));
  return [...named, ...frameworks.filter((each) => each.group === "start" && !named.includes(each))];
}

/** Frameworks for a list to choose from, without those that have a tab of their own. */
export function groups(frameworks: Framework[]): { group: string; items: { value: string; label: string }[] }[] {
  const tabs = firstOf(frameworks);
  const rest = frameworks.filter((each) => !tabs.includes(each));
  return [...new Set(rest.map((each) => each.group))].map((group) => ({
    group: TITLES[group] ?? group,
    items: rest.filter((each) => each.group === group).map((each) => ({ value: each.id, label: each.title })),
  }));
}
