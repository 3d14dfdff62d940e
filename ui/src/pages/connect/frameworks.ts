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

/** Frameworks for a list to choose from, without those that have a tab of their own. */
export function groups(frameworks: Framework[]): { group: string; items: { value: string; label: string }[] }[] {
  const names = [...new Set(frameworks.map((each) => each.group))].filter((group) => group !== "start");
  return names.map((group) => ({
    group: TITLES[group] ?? group,
    items: frameworks.filter((each) => each.group === group).map((each) => ({ value: each.id, label: each.title })),
  }));
}
