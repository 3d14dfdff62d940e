/** The one way to the server: typed by its OpenAPI document, with every failure turned into words. */
import createClient from "openapi-fetch";
import { connection } from "./connection";
import { projectHeaders } from "./project";
import type { paths } from "./schema";
import type { Problem } from "./types";

/** The server answered, and said no. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    detail: string,
  ) {
    super(detail);
    this.name = "ApiError";
  }
}

/** Nobody answered. */
export class UnreachableError extends Error {
  constructor() {
    super("The server does not answer.");
    this.name = "UnreachableError";
  }
}

/** fetch that names the tab's project and reports whether anybody answered. */
export async function fetchWatched(request: Request): Promise<Response> {
  for (const [name, value] of Object.entries(projectHeaders()))
    if (!request.headers.has(name)) request.headers.set(name, value);
  try {
    const response = await fetch(request);
    // A proxy in front of a stopped server answers in its place.
    if (response.status === 502 || response.status === 504) throw new UnreachableError();
    connection.answered();
    return response;
  } catch (error) {
    if (request.signal.aborted) throw error;
    connection.failed();
    throw error instanceof UnreachableError ? error : new UnreachableError();
  }
}

export const api = createClient<paths>({
  fetch: fetchWatched,
  querySerializer: { array: { style: "form", explode: true } },
});

/** The data of an answer, or an error that says what to do. */
export async function must<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  if (response.ok && data !== undefined) return data;
  const problem = (typeof error === "object" && error !== null ? error : {}) as Partial<Problem>;
  throw new ApiError(
    response.status,
    problem.title ?? `The server answered ${response.status}`,
    problem.detail ??
      (typeof error === "string" && error.length < 400 ? error : response.statusText || "No reason was given."),
  );
}
