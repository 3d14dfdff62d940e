/**
 * Which project this tab is about, for people with several: an address names it (`?project=bank`, as links in messages about alerts do),
 * and it stays until another address names one or the tab is closed. It holds as long as the document: another project is another
 * load, so that no answers of two are mixed.
 */

const KEPT = "tawny.project";

/** The header by which a request says it, and the parameter where a browser asks by itself. */
const NAME = "tawny-project";

/** What an address names, else what was kept; an empty name leaves it. */
export function chosen(search: string, kept: Pick<Storage, "getItem" | "setItem"> | undefined): string | undefined {
  const named = new URLSearchParams(search).get("project")?.trim();
  if (named !== undefined) kept?.setItem(KEPT, named);
  return (named ?? kept?.getItem(KEPT)) || undefined;
}

function read(): string | undefined {
  if (typeof window === "undefined") return undefined;
  try {
    return chosen(window.location.search, window.sessionStorage);
  } catch {
    // A browser that keeps nothing.
    return chosen(window.location.search, undefined);
  }
}

let current = read();

/** The project that was chosen; `undefined` leaves it to the server. */
export const chosenProject = () => current;

/** The project that the server chose is the one asked for from now on: what was answered before was about it too. */
export function settleProject(name: string) {
  current = name;
}

/** Headers of a request to the server. */
export const projectHeaders = (): Record<string, string> => (current ? { [NAME]: current } : {});

/** An address that the browser asks for by itself: a download, a stream of events. */
export const inProject = (address: string, name = current) =>
  name ? `${address}${address.includes("?") ? "&" : "?"}${NAME}=${encodeURIComponent(name)}` : address;
