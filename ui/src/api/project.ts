/** Which project this tab is about, for people with several: an address names it (`?project=bank`, as links in messages about alerts do),
 * and it stays until another address names one or the tab is closed. */

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

export const project = read();

/** Headers of a request to the server. */
export const projectHeaders = (): Record<string, string> => (project ? { [NAME]: project } : {});

/** An address that the browser asks for by itself: a download, a stream of events. */
export const inProject = (address: string, name = project) =>
  name ? `${address}${address.includes("?") ? "&" : "?"}${NAME}=${encodeURIComponent(name)}` : address;
