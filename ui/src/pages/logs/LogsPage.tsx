/** Log records of all runs, and of none: searched, counted over time, followed live, each a click from its run and step. */
import { Button, Select } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { LIVE_MS } from "@/api/pace";
import { logCountsQuery, logsQuery } from "@/api/queries";
import type { FacetValue } from "@/api/types";
import { PageHeader } from "@/layout/PageHeader";
import { compact, count, dated } from "@/lib/format";
import { inline } from "@/lib/json";
import { LEVELS, LOG_LISTS, LOGS_FROM, type LogsSearch, levels, logsQuestion, toggled } from "@/lib/logs";
import { buckets, rangeMs, type Series, stepFor } from "@/lib/series";
import type { Palette } from "@/theme/tokens";
import { TimeChart } from "@/ui/chart/TimeChart";
import { LogRow } from "@/ui/LogRow";
import { SearchField } from "@/ui/SearchField";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { TimeRange } from "@/ui/TimeRange";
import { useKeys } from "@/ui/useKeys";
import { useNow } from "@/ui/useNow";
import { useTitle } from "@/ui/useTitle";
import classes from "./LogsPage.module.css";

/** How often new records are asked for while they are followed. */
const TAIL_MS = 2000;
/** A reader who scrolled further than this is left alone: nothing moves under their eyes. */
const TOP_PX = 40;

const COLOURS: Record<string, (palette: Palette) => string> = {
  fatal: (palette) => palette.errorFill,
  error: (palette) => palette.errorFill,
  warn: (palette) => palette.warnFill,
  info: (palette) => palette.fills.embedding,
};
const colour = (series: Series, palette: Palette) => COLOURS[series.name]?.(palette) ?? palette.faint;

export function LogsPage() {
  useTitle("Logs");
  const search = useSearch({ from: "/logs" });
  const navigate = useNavigate({ from: "/logs" });
  const set = useCallback(
    (change: Partial<LogsSearch>, replace = false) =>
      void navigate({ search: (before) => ({ ...before, ...change }), replace }),
    [navigate],
  );
  const now = useNow();
  const from = search.from ?? LOGS_FROM;
  const [start, end] = rangeMs(from, search.to, now);
  const [step, stepMs] = stepFor(end - start);
  const first = Math.floor(start / stepMs);
  const last = Math.ceil(end / stepMs);
  const time = useMemo(() => buckets(first * stepMs, last * stepMs, stepMs), [first, last, stepMs]);
  const question = useMemo(() => logsQuestion(search), [search]);
  const tail = !!search.tail && !search.to;
  const [atTop, setAtTop] = useState(true);
  const pace = search.to ? false : tail ? TAIL_MS : LIVE_MS;
  const query = useInfiniteQuery({ ...logsQuery(question), refetchInterval: tail || atTop ? pace : false });
  const counts = useQuery({ ...logCountsQuery(question, step), refetchInterval: pace && LIVE_MS });
  const bars = useMemo(() => levels(counts.data?.rows ?? [], time), [counts.data, time]);
  const logs = useMemo(() => query.data?.pages.flatMap((page) => page.logs) ?? [], [query.data]);
  const stretch = useCallback(
    (from: number, to: number) =>
      set({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), tail: undefined }),
    [set],
  );
  useKeys({ l: () => set({ tail: tail ? undefined : true, to: undefined }) });
  const filtered =
    !!search.q || !!search.severity || !!search.trace_id || LOG_LISTS.some((field) => search[field] !== undefined);

  return (
    <div className={classes.page}>
      <PageHeader
        title="Logs"
        note={
          counts.data && (
            <>
              {count(counts.data.total)}
              <span className={classes.unit}> {counts.data.total === 1 ? "record" : "records"}</span>
            </>
          )
        }
      >
        <Button
          variant="default"
          aria-pressed={tail}
          title="Show records as they come, wherever one reads (l)"
          onClick={() => set({ tail: tail ? undefined : true, to: undefined })}
          leftSection={<span className={classes.light} data-on={tail || undefined} aria-hidden />}
        >
          Live tail
        </Button>
        <TimeRange
          exact
          bounded
          from={from}
          to={search.to}
          onChange={(start, end) => set({ from: start === LOGS_FROM && !end ? undefined : start, to: end })}
        />
      </PageHeader>
      <div className={classes.split}>
        <aside className={classes.side} aria-label="Filter by value">
          <Values title="Service" values={counts.data?.services} search={search} field="service" />
          <Values title="Event" values={counts.data?.events} search={search} field="event" />
          {counts.data && counts.data.services.length + counts.data.events.length === 0 && !filtered && (
            <p className={classes.none}>Services and events of the records stand here to filter by.</p>
          )}
        </aside>
        <div className={classes.body}>
          <Bar search={search} set={set} />
          <div className={classes.chart}>
            {counts.isError && !counts.data ? (
              <p className={classes.uncounted} role="alert">
                The records could not be counted: {counts.error.message}
              </p>
            ) : (
              <TimeChart
                label="Log records by level"
                time={time}
                series={bars}
                kind="bars"
                format={compact}
                colour={colour}
                height={110}
                onStretch={stretch}
                onPoint={(from, to, series) =>
                  set({
                    from: new Date(from).toISOString(),
                    to: new Date(to).toISOString(),
                    severity: LEVELS.find((level) => level === series?.name),
                    tail: undefined,
                  })
                }
              />
            )}
          </div>
          <section
            className={classes.scroller}
            // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
            tabIndex={0}
            aria-label="Log records"
            onScroll={(event) => setAtTop(event.currentTarget.scrollTop < TOP_PX)}
          >
            {query.isPending ? (
              <SkeletonRows rows={14} />
            ) : query.isError && logs.length === 0 ? (
              <ErrorState error={query.error} what="the logs" onRetry={() => void query.refetch()} />
            ) : logs.length === 0 ? (
              <Empty
                title={filtered ? "No record matches" : "No log record in this time range"}
                action={
                  filtered ? (
                    <Button
                      variant="default"
                      renderRoot={(props) => (
                        <Link {...props} to="/logs" search={search.from ? { from: search.from } : {}} />
                      )}
                    >
                      Clear filters
                    </Button>
                  ) : undefined
                }
              >
                {filtered ? (
                  "Fewer filters or a longer time range may find some."
                ) : (
                  <>
                    Send OpenTelemetry logs to <code className="mono">/v1/logs</code>, Loki's push to{" "}
                    <code className="mono">/loki/api/v1/push</code>, or lines with{" "}
                    <code className="mono">tawny logs import</code>. Records with a trace id are shown in their run too.
                  </>
                )}
              </Empty>
            ) : (
              <>
                <ul className={classes.list}>
                  {logs.map((log, at) => (
                    <LogRow
                      key={`${log.time} ${log.span_id} ${at - logs.length}`}
                      log={log}
                      when={dated(log.time, "ms")}
                      onOnly={(key, value) => set(toggled(search, "attr", `${key}=${inline(value)}`))}
                      aside={
                        log.trace_id && (
                          <Link
                            to="/runs/$traceId"
                            params={{ traceId: log.trace_id }}
                            search={log.span_id ? { step: log.span_id } : {}}
                            className={classes.run}
                            title={log.span_id ? "Open the step" : "Open the run"}
                          >
                            <span className="cut">{log.service ?? "run"}</span> {log.span_id ? "step" : "run"}
                          </Link>
                        )
                      }
                    />
                  ))}
                </ul>
                {query.hasNextPage && (
                  <Button
                    variant="default"
                    className={classes.more}
                    loading={query.isFetchingNextPage}
                    onClick={() => void query.fetchNextPage()}
                  >
                    Older records
                  </Button>
                )}
              </>
            )}
          </section>
        </div>
      </div>
    </div>
  );
}

function Bar({ search, set }: { search: LogsSearch; set: (change: Partial<LogsSearch>, replace?: boolean) => void }) {
  const chips = LOG_LISTS.flatMap((name) => (search[name] ?? []).map((value) => ({ name, value })));
  return (
    <div className={classes.bar}>
      <div className={classes.line}>
        <SearchField
          className={classes.search}
          label="Search logs"
          placeholder="Search bodies, attributes, events, services"
          q={search.q}
          onSearch={(q) => set({ q }, true)}
        />
        <Select
          aria-label="Lowest severity"
          className={classes.severity}
          clearable
          placeholder="Any severity"
          value={search.severity ?? null}
          onChange={(value) => set({ severity: LEVELS.find((level) => level === value) })}
          data={LEVELS.map((level) => ({ value: level, label: level === "fatal" ? level : `${level} or worse` }))}
          clearButtonProps={{ "aria-label": "Any severity" }}
        />
      </div>
      {(chips.length > 0 || search.trace_id) && (
        <ul className={classes.chips} aria-label="Filters">
          {chips.map(({ name, value }) => (
            <li key={`${name} ${value}`}>
              <span className="muted">{name}</span> <span className="cut">{value}</span>
              <Link to="/logs" search={toggled(search, name, value)} aria-label={`Remove filter ${name} ${value}`}>
                <IconX size={12} stroke={2.2} />
              </Link>
            </li>
          ))}
          {search.trace_id && (
            <li>
              <span className="muted">run</span> <span className="mono">{search.trace_id.slice(0, 8)}…</span>
              <Link to="/logs" search={{ ...search, trace_id: undefined }} aria-label="Remove filter run">
                <IconX size={12} stroke={2.2} />
              </Link>
            </li>
          )}
        </ul>
      )}
    </div>
  );
}

interface ValuesProps {
  title: string;
  values: FacetValue[] | undefined;
  search: LogsSearch;
  field: "service" | "event";
}

function Values({ title, values = [], search, field }: ValuesProps) {
  const selected = search[field] ?? [];
  const missing = selected.filter((value) => !values.some((each) => each.value === value));
  const shown = [...values, ...missing.map((value) => ({ value, count: 0 }))];
  if (shown.length === 0) return null;
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <ul>
        {shown.map((each) => (
          <li key={each.value}>
            <Link
              to="/logs"
              search={toggled(search, field, each.value)}
              role="checkbox"
              aria-checked={selected.includes(each.value)}
              aria-label={`${title} ${each.value}, ${count(each.count)} records`}
              data-on={selected.includes(each.value) || undefined}
              title={each.value}
            >
              <span className="cut">{each.value}</span>
              <span className="faint tnum">{compact(each.count)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
