/** How to send the first trace, and a light that waits for it. */
import { Select, Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useLiveRuns } from "@/api/live";
import { doctorQuery, newestRunQuery, setupQuery } from "@/api/queries";
import type { Framework, Run } from "@/api/types";
import { CopyButton } from "@/ui/CopyButton";
import { OwlMark } from "@/ui/Logo";
import { ErrorState, SkeletonRows } from "@/ui/States";
import classes from "./FirstTrace.module.css";
import { FIRST, filledIn, firstOf, groups, reachable } from "./frameworks";
import { Sample } from "./Sample";

interface Props {
  /** The framework that is shown; absent means the first. */
  framework?: string;
  onFramework?: (id: string) => void;
  /** The page around it has its name already. */
  named?: boolean;
}

export function FirstTrace({ framework, onFramework, named }: Props) {
  const { data: setup, error, refetch } = useQuery(setupQuery);
  const [chosen, setChosen] = useState<string>();
  const { origin, hostname } = window.location;
  const http = reachable(setup?.endpoints.otlp_http, origin, hostname);
  const grpc = reachable(setup?.endpoints.otlp_grpc, origin, hostname);
  const all = useMemo(
    () => (setup ? filledIn(setup.frameworks, setup.endpoints, origin, hostname) : []),
    [setup, origin, hostname],
  );
  const current = all.find((each) => each.id === (framework ?? chosen)) ?? all[0];
  const choose = (id: string | null) => {
    if (!id) return;
    setChosen(id);
    onFramework?.(id);
  };
  const start = firstOf(all);
  const first = start.some((each) => each.id === current?.id);
  return (
    <div className={classes.guide}>
      <div className={classes.intro}>
        {!named && (
          <>
            <OwlMark size={44} />
            <h2>Send a trace</h2>
          </>
        )}
        <p>
          Tawny reads OpenTelemetry as agents write it: the GenAI conventions, OpenInference and their relatives. Any
          exporter will do.
        </p>
      </div>
      {error && !setup && <ErrorState error={error} what="the settings" onRetry={() => void refetch()} />}
      {!setup && !error && <SkeletonRows rows={6} />}
      {current && (
        <Tabs value={first ? current.id : null} onChange={choose} className={classes.tabs}>
          <div className={classes.choice}>
            <Tabs.List>
              {start.map((each) => (
                <Tabs.Tab key={each.id} value={each.id}>
                  {FIRST.find(([id]) => id === each.id)?.[1] ?? each.title}
                </Tabs.Tab>
              ))}
            </Tabs.List>
            <Select
              aria-label="A framework"
              placeholder="Or a framework …"
              searchable
              data={groups(all)}
              value={first ? null : current.id}
              onChange={choose}
              nothingFoundMessage="Not in the list: any OpenTelemetry exporter will do"
              maxDropdownHeight={340}
              className={classes.select}
            />
          </div>
          {start.map((each) => (
            <Tabs.Panel key={each.id} value={each.id}>
              <Settings framework={each} />
            </Tabs.Panel>
          ))}
          {!first && <Settings framework={current} />}
        </Tabs>
      )}
      <dl className={classes.endpoints}>
        <Endpoint name="OTLP over HTTP" value={http} />
        <Endpoint name="OTLP over gRPC" value={grpc} />
      </dl>
      <Arrival />
      <Sample />
    </div>
  );
}

function Settings({ framework }: { framework: Framework }) {
  return (
    <section aria-label={framework.title}>
      {framework.install && (
        <div className={classes.install}>
          <code>{framework.install}</code>
          <CopyButton text={framework.install} label="Copy the command" />
        </div>
      )}
      <p className={classes.before}>{framework.where}</p>
      <div className={classes.code}>
        <div className={classes.copy}>
          <CopyButton text={framework.settings} label={`Copy ${framework.title}`} size={26} />
        </div>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
        <pre tabIndex={0} data-snippet={framework.id}>
          {framework.settings}
        </pre>
      </div>
      {framework.note && <p className={classes.before}>{framework.note}</p>}
    </section>
  );
}

function Endpoint({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="mono">
        {value}
        <CopyButton text={value} label={`Copy ${name}`} />
      </dd>
    </div>
  );
}

/** Waits for a run that was not there when the page was opened. */
function Arrival() {
  const [opened] = useState(() => Date.now());
  const [seen, setSeen] = useState<Run>();
  const { data } = useQuery({ ...newestRunQuery, refetchInterval: seen ? false : 2000 });
  useLiveRuns(!seen, setSeen);
  const newest = data?.runs[0];
  const run = seen ?? (newest && Date.parse(newest.started_at) >= opened ? newest : undefined);
  return (
    <div className={classes.arrival} data-arrived={!!run || undefined} role="status">
      <span className={classes.light} aria-hidden />
      {run ? (
        <>
          <span>
            A trace arrived: <strong>{run.name}</strong>
            <Verdict run={run} />
          </span>
          <Link to="/runs/$traceId" params={{ traceId: run.trace_id }}>
            Open it
          </Link>
        </>
      ) : (
        <span className="muted">Waiting for a trace. This page notices when it arrives.</span>
      )}
    </div>
  );
}

/** What the doctor says about the trace that arrived. */
function Verdict({ run }: { run: Run }) {
  const { data } = useQuery({ ...doctorQuery("1h", { traceId: run.trace_id }), refetchInterval: 4000 });
  if (!data || data.examined.spans === 0) return null;
  const worth = data.findings.filter((finding) => finding.severity !== "info");
  return (
    <span className={classes.verdict}>
      {worth.length === 0 ? (
        "Its instrumentation looks right."
      ) : (
        <>
          {worth[0]!.title}
          {worth.length > 1 && ` and ${worth.length - 1} more`}.{" "}
          <Link to="/doctor" search={run.service ? { of: run.service } : {}}>
            How to mend it
          </Link>
        </>
      )}
    </span>
  );
}
