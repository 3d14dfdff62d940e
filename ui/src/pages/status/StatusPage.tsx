/** How the server is: what came in, what was refused and why, what is kept, and which limits were reached. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { statusQuery } from "@/api/queries";
import type { ForwardDestination, ForwardStatus, Status } from "@/api/types";
import { PageHeader } from "@/layout/PageHeader";
import { absolute, bytes, count, duration, plural } from "@/lib/format";
import { limitValue, limitWords } from "@/lib/limits";
import { facts, tableRows } from "@/lib/status";
import { CopyButton } from "@/ui/CopyButton";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { useTitle } from "@/ui/useTitle";
import classes from "./StatusPage.module.css";

export function StatusPage() {
  useTitle("Status");
  const query = useQuery({ ...statusQuery, refetchInterval: 3000 });
  const status = query.data;
  return (
    <div className={classes.page}>
      <PageHeader title="Status" note={status && `Tawny ${status.version}`} />
      {query.isPending ? (
        <SkeletonRows />
      ) : status ? (
        <div className={classes.columns}>
          <Server status={status} />
          <Dialects status={status} />
          <Ingest status={status} />
          {status.forward && <Forward forward={status.forward} />}
          <Store status={status} />
          <Limits status={status} />
        </div>
      ) : (
        <ErrorState error={query.error} what="the status" onRetry={() => void query.refetch()} />
      )}
    </div>
  );
}

function Block({ title, note, wide, children }: { title: string; note?: string; wide?: boolean; children: ReactNode }) {
  return (
    <section className={classes.block} data-wide={wide || undefined}>
      <h2>{title}</h2>
      {note && <p>{note}</p>}
      {children}
    </section>
  );
}

function Server({ status }: { status: Status }) {
  return (
    <Block title="Server">
      <dl className={classes.facts}>
        <div>
          <dt>State</dt>
          <dd data-state={status.state}>{status.state}</dd>
        </div>
        <div>
          <dt>Up for</dt>
          <dd title={`Since ${absolute(status.started_at)}`}>{duration(status.uptime_seconds * 1000)}</dd>
        </div>
        {(
          [
            ["This page and the API", status.endpoints.http],
            ["OTLP over HTTP", status.endpoints.otlp_http],
            ["OTLP over gRPC", status.endpoints.otlp_grpc],
          ] as const
        ).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className={classes.address}>
              <span className="mono">{value}</span>
              <CopyButton text={value} label={`Copy ${name}`} />
            </dd>
          </div>
        ))}
      </dl>
    </Block>
  );
}

const SIGNALS = ["traces", "logs", "metrics"];
const ITEMS: Record<string, string> = { traces: "spans", logs: "records", metrics: "points" };

function Ingest({ status }: { status: Status }) {
  const { signals } = status.ingest;
  const names = [...new Set([...SIGNALS, ...Object.keys(signals)])].filter((name) => signals[name]);
  const reasons = names.flatMap((name) =>
    Object.entries(signals[name]!.requests_rejected).map(([reason, n]) => [name, reason, n] as const),
  );
  const items = names.flatMap((name) => signals[name]!.item_reasons.map((reason) => [name, reason] as const));
  return (
    <Block title="Received since the start" wide>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <section className={classes.scroll} tabIndex={0} aria-label="Received">
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">Signal</th>
              <th scope="col">Requests</th>
              <th scope="col">Refused</th>
              <th scope="col">Items</th>
              <th scope="col">Items refused</th>
              <th scope="col">Received</th>
              <th scope="col">Unpacked</th>
            </tr>
          </thead>
          <tbody>
            {names.map((name) => {
              const counts = signals[name]!;
              const refused = Object.values(counts.requests_rejected).reduce((sum, n) => sum + n, 0);
              return (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{count(counts.requests_accepted)}</td>
                  <td data-bad={refused > 0 || undefined}>{count(refused)}</td>
                  <td>
                    {count(counts.items_accepted)} <span className="faint">{ITEMS[name]}</span>
                  </td>
                  <td data-bad={counts.items_rejected > 0 || undefined}>{count(counts.items_rejected)}</td>
                  <td>{bytes(counts.bytes)}</td>
                  <td>{bytes(counts.bytes_decompressed)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </section>
      {(reasons.length > 0 || items.length > 0) && (
        <ul className={classes.reasons}>
          {reasons.map(([name, reason, n]) => (
            <li key={`${name} ${reason}`}>
              <strong className="tnum">{count(n)}</strong> {name} requests refused: {reason}
            </li>
          ))}
          {items.map(([name, reason]) => (
            <li key={`${name} ${reason}`}>
              {name}: {reason}
            </li>
          ))}
        </ul>
      )}
    </Block>
  );
}

/** Where telemetry is passed on to. */
function Forward({ forward }: { forward: ForwardStatus }) {
  return (
    <Block
      title="Passed on"
      note="To other backends. A destination that is down keeps nobody waiting; past its bound the oldest are dropped."
      wide
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <section className={classes.scroll} tabIndex={0} aria-label="Destinations">
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">Destination</th>
              <th scope="col">State</th>
              <th scope="col">Waiting</th>
              <th scope="col">Sent</th>
              <th scope="col">Filtered</th>
              <th scope="col">Refused</th>
              <th scope="col">Dropped</th>
              <th scope="col">Last sent</th>
            </tr>
          </thead>
          <tbody>
            {forward.destinations.map((each) => (
              <Destination key={each.name} destination={each} />
            ))}
          </tbody>
        </table>
      </section>
      {forward.destinations.some((each) => each.failing_since) && (
        <ul className={classes.reasons}>
          {forward.destinations
            .filter((each) => each.failing_since)
            .map((each) => (
              <li key={each.name}>
                <strong>{each.name}</strong>: {each.last_error}
                {each.next_try_at && `; tried again at ${absolute(each.next_try_at)}`}
              </li>
            ))}
        </ul>
      )}
    </Block>
  );
}

function Destination({ destination }: { destination: ForwardDestination }) {
  const refused = destination.refused_requests;
  const dropped = destination.dropped_requests + destination.expired_requests + destination.damaged_requests;
  return (
    <tr>
      <th scope="row" title={destination.url}>
        {destination.name} <span className="faint">{destination.signals.join(", ")}</span>
      </th>
      <td data-bad={destination.state !== "ok" || undefined}>{destination.state}</td>
      <td>
        {count(destination.queued_requests)} <span className="faint">{bytes(destination.queued_bytes)}</span>
      </td>
      <td>
        {count(destination.sent_items)} <span className="faint">items</span>
      </td>
      <td>{count(destination.filtered_items)}</td>
      <td data-bad={refused > 0 || undefined} title={destination.last_error ?? undefined}>
        {count(refused)}
      </td>
      <td data-bad={dropped > 0 || undefined}>{count(dropped)}</td>
      <td>{destination.last_sent_at ? absolute(destination.last_sent_at) : <span className="faint">never</span>}</td>
    </tr>
  );
}

function Dialects({ status }: { status: Status }) {
  const dialects = Object.entries(status.ingest.spans_by_dialect).sort(([, a], [, b]) => b - a);
  const most = Math.max(1, ...dialects.map(([, n]) => n));
  const unnamed = status.ingest.unmapped_attributes;
  return (
    <Block
      title="Spans by dialect"
      note={
        unnamed > 0
          ? `${plural(unnamed, "attribute")} known to no dialect, kept as sent.`
          : dialects.length > 0
            ? "Dialects know every attribute that came in."
            : undefined
      }
    >
      {dialects.length === 0 ? (
        <p>No span came in since the start.</p>
      ) : (
        <ul className={classes.bars}>
          {dialects.map(([name, n]) => (
            <li key={name}>
              <span className="cut">{name}</span>
              <span className={classes.bar} aria-hidden>
                <i style={{ width: `${(n / most) * 100}%` }} />
              </span>
              <span className="num">{count(n)}</span>
            </li>
          ))}
        </ul>
      )}
    </Block>
  );
}

function Store({ status }: { status: Status }) {
  const { tables, ...rest } = status.store as Record<string, unknown>;
  const rows = tableRows(tables);
  return (
    <>
      {rows.rows.length > 0 && (
        <Block title="Tables" wide>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
          <section className={classes.scroll} tabIndex={0} aria-label="Tables of the store">
            <table className={classes.table}>
              <thead>
                <tr>
                  <th scope="col">Table</th>
                  {rows.columns.map((column) => (
                    <th key={column} scope="col">
                      {column}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.rows.map(([name, values]) => (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    {values.map((value, at) => (
                      <td key={rows.columns[at]}>{value}</td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        </Block>
      )}
      <Block title="Store" wide>
        <dl className={classes.flow}>
          {facts(rest).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd className="tnum">{value}</dd>
            </div>
          ))}
        </dl>
      </Block>
    </>
  );
}

function Limits({ status }: { status: Status }) {
  return (
    <Block
      title="Limits"
      note="Each is counted when it is reached. Where a limit lets wait, or does less, it says so here; otherwise what would go beyond it is refused, by an error with its name."
      wide
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <section className={classes.scroll} tabIndex={0} aria-label="Table of limits">
        <table className={classes.table} data-words>
          <thead>
            <tr>
              <th scope="col">Limit</th>
              <th scope="col">Value</th>
              <th scope="col">Reached</th>
            </tr>
          </thead>
          <tbody>
            {status.limits.map((limit) => (
              <tr key={limit.name}>
                <th scope="row">
                  {limitWords(limit.name)} <code className="mono faint">{limit.name}</code>
                </th>
                <td>{limitValue(limit.value, limit.unit)}</td>
                <td data-bad={limit.reached > 0 || undefined}>
                  {limit.reached === 0 ? <span className="faint">never</span> : plural(limit.reached, "time")}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Block>
  );
}
