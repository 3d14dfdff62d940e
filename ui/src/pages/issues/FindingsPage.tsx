/** What detectors saw, one by one, newest first. */

import { Button, Select } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { detectorsQuery, findingsListQuery } from "@/api/findings";
import { LIVE_MS } from "@/api/pace";
import type { Finding } from "@/api/types";
import { PageHeader } from "@/layout/PageHeader";
import { plural } from "@/lib/format";
import type { FindingsSearch } from "@/lib/issues";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { TimeRange } from "@/ui/TimeRange";
import { useTitle } from "@/ui/useTitle";
import classes from "./IssuesPage.module.css";
import { IssueTabs } from "./IssueTabs";
import { Seen } from "./Seen";

const route = getRouteApi("/findings");
const DEFAULT_FROM = "24h";

export function FindingsPage() {
  useTitle("Findings");
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const from = search.from ?? DEFAULT_FROM;
  const query = useInfiniteQuery({
    ...findingsListQuery({ ...search, from }),
    refetchInterval: search.to ? false : LIVE_MS,
  });
  const detectors = useQuery(detectorsQuery).data?.detectors;
  const findings = query.data?.pages.flatMap((page) => page.findings);
  const set = (change: Partial<FindingsSearch>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const chosen = detectors?.find((each) => each.name === search.detector);
  return (
    <div className={classes.page}>
      <PageHeader
        title="Findings"
        note={findings && plural(findings.length, "finding") + (query.hasNextPage ? " and more" : "")}
      >
        <TimeRange
          exact
          bounded
          from={from}
          to={search.to}
          onChange={(start, end) => set({ from: start === DEFAULT_FROM && !end ? undefined : start, to: end })}
        />
      </PageHeader>
      <IssueTabs active="findings" />
      <div className={classes.choices}>
        <Select
          size="xs"
          aria-label="Detector"
          placeholder="Every detector"
          searchable
          clearable
          clearButtonProps={{ "aria-label": "Every detector" }}
          data={detectors?.map((each) => ({ value: each.name, label: each.name.replaceAll("_", " ") })) ?? []}
          value={search.detector ?? null}
          onChange={(detector) => set({ detector: detector ?? undefined })}
        />
        <Select
          size="xs"
          aria-label="Severity"
          placeholder="Every severity"
          clearable
          clearButtonProps={{ "aria-label": "Every severity" }}
          data={["critical", "warning", "info"]}
          value={search.severity ?? null}
          onChange={(severity) => set({ severity: (severity as FindingsSearch["severity"]) ?? undefined })}
        />
        {search.of && (
          <Button variant="default" onClick={() => set({ of: undefined })}>
            {search.of} ✕
          </Button>
        )}
        {chosen && <p className="muted">{chosen.about}</p>}
      </div>
      {query.isPending ? (
        <SkeletonRows rows={12} height={40} />
      ) : !findings ? (
        <ErrorState error={query.error} what="the findings" onRetry={() => void query.refetch()} />
      ) : findings.length === 0 ? (
        <Empty title="Nothing was seen" action={<Link to="/runs">Look at the runs</Link>}>
          {search.detector || search.severity || search.of
            ? "Not with these choices, in this time."
            : "Every run is looked at once it has settled. In this time none showed anything."}
        </Empty>
      ) : (
        <div className={classes.list}>
          <ol className={classes.findings} aria-label="Findings, newest first">
            {findings.map((finding) => (
              <Seen key={finding.id} finding={finding}>
                <Of finding={finding} />
              </Seen>
            ))}
          </ol>
          {query.hasNextPage && (
            <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              More
            </Button>
          )}
        </div>
      )}
    </div>
  );
}

/** Who saw it, how grave, and the incident it belongs to. */
function Of({ finding }: { finding: Finding }) {
  return (
    <div>
      <dt className="sr">Detector</dt>
      <dd className={classes.detector} data-severity={finding.severity}>
        <Link to="/incidents/$fingerprint" params={{ fingerprint: finding.fingerprint }}>
          {finding.detector.replaceAll("_", " ")}
        </Link>
      </dd>
    </div>
  );
}
