/** One run: what it did, when, what it said and what it cost. */
import { Tabs } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconBinaryTree, IconBraces, IconFileText, IconListTree, IconMessage2 } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { ApiError } from "@/api/client";
import { useLiveOpenings, useLiveRuns, useLiveState } from "@/api/live";
import { runLogsQuery, runQuery } from "@/api/queries";
import type { RunAnswer } from "@/api/types";
import { count } from "@/lib/format";
import type { RunSearch, RunView } from "@/lib/search";
import { firstToShow } from "@/lib/step";
import { useBack } from "@/ui/lastList";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { useKeys } from "@/ui/useKeys";
import { useThrottled } from "@/ui/useThrottled";
import { useTitle } from "@/ui/useTitle";
import { AgentsView } from "./AgentsView";
import { LogsView } from "./LogsView";
import { RunFindings, useRunFindings } from "./RunFindings";
import { RunHeader } from "./RunHeader";
import classes from "./RunPage.module.css";
import { RunRaw } from "./RunRaw";
import { StepsView } from "./StepsView";
import { Transcript } from "./Transcript";
import { useSteps } from "./useSteps";

/** A changing run is read again at most this often. */
const REFRESH_MS = 300;
/** Who goes on to another part looks for nothing in it yet. */
const PARTS = ["step", "tab", "view"];
const NOTHING = { look: undefined, all: undefined } satisfies RunSearch;

export function RunPage() {
  const { traceId } = useParams({ from: "/runs/$traceId" });
  const search = useSearch({ from: "/runs/$traceId" });
  const navigate = useNavigate({ from: "/runs/$traceId" });
  const narrow = useMediaQuery("(max-width: 900px)", undefined, { getInitialValueInEffect: false }) ?? false;
  const { query, steps } = useSteps(traceId, search.step, search.find, search.opened);
  // The run comes first: what is asked beside it would take the server's processors from it.
  const logs = useQuery({ ...runLogsQuery(traceId), enabled: query.data !== undefined });
  const client = useQueryClient();
  useTitle(query.data?.run.name ?? "Run");
  const back = useBack();
  useKeys({ Escape: back });

  const refresh = useThrottled(
    () =>
      Promise.all(
        ["run", "run-part", "run-find", "run-full", "run-logs", "run-raw", "step"].map((key) =>
          client.invalidateQueries({ queryKey: [key, traceId] }),
        ),
      ),
    REFRESH_MS,
  );
  // While the stream was away, changes were not heard of. In the moment between the run's answer and the first opening, nothing is
  // expected of a run that has settled: reading a large one again for that would cost as much as opening it.
  const [openings, stream] = [useLiveOpenings(), useLiveState()];
  const heard = useRef({ at: openings, first: stream !== "open" });
  const settled = query.data && query.data.run.status !== "running" && !query.data.run.provisional;
  useEffect(() => {
    if (settled === undefined || openings === heard.current.at) return;
    if (!settled || !heard.current.first) refresh();
    heard.current = { at: openings, first: false };
  }, [openings, settled, refresh]);
  useLiveRuns(true, (run) => {
    if (run.trace_id !== traceId) return;
    client.setQueryData<RunAnswer>(runQuery(traceId).queryKey, (before) => before && { ...before, run });
    refresh();
  });

  const set = useCallback(
    (change: Partial<RunSearch>, replace = true) =>
      void navigate({
        search: (before) => ({ ...before, ...(PARTS.some((part) => part in change) ? NOTHING : {}), ...change }),
        replace,
        resetScroll: false,
      }),
    [navigate],
  );
  const view: RunView = search.view ?? "steps";
  const data = query.data;
  const selected = useMemo(() => {
    if (!data) return undefined;
    const asked = steps.find((step) => step.span_id === search.step);
    return asked ?? (narrow ? undefined : firstToShow(steps, data.run.errors > 0 && data.run.status === "error"));
  }, [data, steps, search.step, narrow]);
  const { findings, more, pinned, unknown } = useRunFindings(
    traceId,
    data && `${data.run.status} ${data.run.provisional} ${data.run.steps}`,
  );

  // On a narrow screen not all views fit: the open one is brought into sight.
  const tabs = useRef<HTMLDivElement>(null);
  const there = data !== undefined;
  useEffect(() => {
    if (there && view) tabs.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [there, view]);

  if (query.isPending) {
    return (
      <div className={classes.page}>
        <SkeletonRows rows={4} height={48} />
        <SkeletonRows rows={14} height={30} />
      </div>
    );
  }
  if (!data) {
    const gone = query.error instanceof ApiError && query.error.status === 404;
    return (
      <ErrorState
        page
        error={query.error}
        what={gone ? "a run that is not there" : "this run"}
        onRetry={() => void query.refetch()}
        action={<Link to="/runs">All runs</Link>}
      />
    );
  }
  const logCount = logs.data?.logs.length;
  return (
    <div className={classes.page}>
      <RunHeader run={data.run} joined={data.joined} onBack={back} />
      <RunFindings
        findings={findings}
        more={more}
        unknown={unknown}
        select={(step) => set({ step, view: undefined, tab: undefined }, false)}
      />
      <Tabs
        className={classes.views}
        value={view}
        onChange={(value) => set({ view: value === "steps" ? undefined : (value as RunView) }, false)}
        keepMounted={false}
      >
        <Tabs.List ref={tabs} className={classes.tabs} aria-label="Views of the run">
          <Tabs.Tab value="steps" leftSection={<IconListTree size={15} stroke={1.7} />}>
            Steps
          </Tabs.Tab>
          <Tabs.Tab value="transcript" leftSection={<IconMessage2 size={15} stroke={1.7} />}>
            Transcript
          </Tabs.Tab>
          {data.run.agents.length > 0 && (
            <Tabs.Tab
              value="agents"
              leftSection={<IconBinaryTree size={15} stroke={1.7} />}
              rightSection={<span className={classes.badge}>{count(data.run.agents.length)}</span>}
            >
              Agents
            </Tabs.Tab>
          )}
          <Tabs.Tab
            value="logs"
            leftSection={<IconFileText size={15} stroke={1.7} />}
            rightSection={logCount ? <span className={classes.badge}>{count(logCount)}</span> : undefined}
          >
            Logs
          </Tabs.Tab>
          <Tabs.Tab value="raw" leftSection={<IconBraces size={15} stroke={1.7} />}>
            Raw
          </Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="steps" className={classes.panel}>
          <StepsView
            run={data.run}
            steps={steps}
            pinned={pinned}
            onOpen={(step) => set({ opened: [...(search.opened ?? []), step] })}
            selected={selected}
            search={search}
            set={set}
            narrow={narrow}
            logs={logs.data?.logs ?? []}
          />
        </Tabs.Panel>
        <Tabs.Panel value="transcript" className={classes.panel}>
          <Transcript
            traceId={traceId}
            steps={data.run.steps}
            onStep={(step) => set({ view: undefined, step }, false)}
          />
        </Tabs.Panel>
        <Tabs.Panel value="agents" className={classes.panel}>
          <AgentsView run={data.run} steps={steps} onStep={(step) => set({ view: undefined, step }, false)} />
        </Tabs.Panel>
        <Tabs.Panel value="logs" className={classes.panel}>
          <LogsView
            logs={logs.data?.logs}
            error={logs.error}
            onRetry={() => void logs.refetch()}
            start={data.run.started_at}
            onStep={(step) => set({ view: undefined, step }, false)}
          />
        </Tabs.Panel>
        <Tabs.Panel value="raw" className={classes.panel}>
          <RunRaw traceId={traceId} steps={data.run.steps} />
        </Tabs.Panel>
      </Tabs>
    </div>
  );
}
