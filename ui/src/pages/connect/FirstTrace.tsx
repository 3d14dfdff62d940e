/** How to send the first trace, and a light that waits for it. */
import { Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useLiveRuns } from "@/api/live";
import { newestRunQuery, statusQuery } from "@/api/queries";
import type { Run } from "@/api/types";
import { CopyButton } from "@/ui/CopyButton";
import { OwlMark } from "@/ui/Logo";
import classes from "./FirstTrace.module.css";
import { reachable, snippets } from "./snippets";

export function FirstTrace() {
  const { data: status } = useQuery({ ...statusQuery, staleTime: 60_000 });
  const { origin, hostname } = window.location;
  const http = reachable(status?.endpoints.otlp_http, origin, hostname);
  const grpc = reachable(status?.endpoints.otlp_grpc, origin, hostname);
  const all = useMemo(() => snippets(http), [http]);
  return (
    <div className={classes.guide}>
      <div className={classes.intro}>
        <OwlMark size={44} />
        <h2>Send a trace</h2>
        <p>
          Tawny reads OpenTelemetry as agents write it: the GenAI conventions, OpenInference and their relatives. Any
          exporter will do.
        </p>
      </div>
      <Tabs defaultValue="python" className={classes.tabs}>
        <Tabs.List>
          {all.map((each) => (
            <Tabs.Tab key={each.id} value={each.id}>
              {each.title}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {all.map((each) => (
          <Tabs.Panel key={each.id} value={each.id}>
            {each.before && (
              <p className={classes.before}>
                {/^pip /.test(each.before) ? <code className="mono">{each.before}</code> : each.before}
              </p>
            )}
            <div className={classes.code}>
              <div className={classes.copy}>
                <CopyButton text={each.code} label={`Copy ${each.title}`} size={26} />
              </div>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
              <pre tabIndex={0} data-snippet={each.id}>
                {each.code}
              </pre>
            </div>
          </Tabs.Panel>
        ))}
      </Tabs>
      <dl className={classes.endpoints}>
        <Endpoint name="OTLP over HTTP" value={http} />
        <Endpoint name="OTLP over gRPC" value={grpc} />
      </dl>
      <Arrival />
    </div>
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
