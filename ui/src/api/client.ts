/** The one way to the server: typed by its OpenAPI document, with every failure turned into words. */
import createClient from "openapi-fetch";
import { connection } from "./connection";
import { ofProject } from "./project";
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

/** fetch about the chosen project, which reports whether anybody answered. */
export async function fetchWatched(request: Request): Promise<Response> {
  try {
    const response = await fetch(ofProject(request));
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

/** A file of the server, or an error in its words. */
export async function fetchFile(path: string): Promise<Blob> {
  const response = await fetchWatched(new Request(path));
  if (response.ok) return response.blob();
  const error: unknown = await response.json().catch(() => undefined);
  return must<Blob>(Promise.resolve({ error, response }));
}
