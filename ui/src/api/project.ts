/**
 * The project that the pages are about, where somebody has several. It is in the address (`project`), so that a link shows somebody
 * else the same, and holds as long as the document does: another project is another load, so that no answers of two are mixed.
 */

/** The header by which a request says which project it is about. */
const HEADER = "tawny-project";
/** Where the last choice is kept, for who comes by no link. */
const KEPT = "tawny.project";

const { location, localStorage: kept } = globalThis as Partial<Window & typeof globalThis>;

let current =
  new URLSearchParams(location?.search).get("project") ||
  (location?.pathname === "/" ? kept?.getItem(KEPT) : undefined) ||
  undefined;

/** The project that was chosen; `undefined` leaves it to the server. */
export const chosenProject = () => current;

/** From now on the project the server chose is the one asked for: what was answered before was about it too. */
export function settleProject(name: string) {
  current = name;
  kept?.setItem(KEPT, name);
}

/** Nothing was chosen: the next visit begins with what the server chooses. */
export const forgetProject = () => kept?.removeItem(KEPT);

/** A request about the chosen project. */
export function ofProject(request: Request): Request {
  if (current) request.headers.set(HEADER, current);
  return request;
}
