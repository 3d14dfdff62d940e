/** Sample runs: sent as any client sends, and erased as anybody's data is. */
import { queryOptions } from "@tanstack/react-query";
import { SAMPLE_USER, sampleTraces } from "@/lib/sampleRuns";
import { ApiError, api, fetchWatched, must } from "./client";

const randomId = (bytes: number) =>
  [...crypto.getRandomValues(new Uint8Array(bytes))].map((each) => each.toString(16).padStart(2, "0")).join("");

/** Sends them through the door that agents use; an answer that is no yes becomes an error with its words. */
export async function sendSample(): Promise<void> {
  const response = await fetchWatched(
    new Request("/v1/traces", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(sampleTraces(Date.now(), randomId)),
    }),
  );
  if (response.ok) return;
  if (response.status === 401 || response.status === 403)
    throw new ApiError(
      response.status,
      "Sample data was refused",
      "This server takes telemetry only with a key that may send. `tawny demo --key KEY` sends sample runs with one.",
    );
  throw new ApiError(response.status, "Sample data was not taken", (await response.text()).slice(0, 300));
}

/** How many sample runs there are. */
export const sampleQuery = queryOptions({
  queryKey: ["sample"],
  queryFn: async ({ signal }) => {
    const query = { user: [SAMPLE_USER], limit: 1, facets: "user" };
    const answer = await must(api.GET("/api/v1/runs", { params: { query: query as never }, signal }));
    return answer.facets?.user?.find(({ value }) => value === SAMPLE_USER)?.count ?? answer.runs.length;
  },
});

export const eraseSample = () => must(api.POST("/api/v1/erasures", { body: { user: SAMPLE_USER } }));
