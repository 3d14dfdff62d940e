/** What the overview and the deep dive have in common: time, comparison, scope, and what is there before the first trace. */
import { Button, Menu } from "@mantine/core";
import { IconCheck, IconChevronDown, IconHistory } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useCallback, useMemo } from "react";
import { ANSWERS, type Ask, askOf, stretchOf } from "@/api/numbers";
import { newestRunQuery } from "@/api/queries";
import { sampleQuery } from "@/api/sample";
import { PageHeader } from "@/layout/PageHeader";
import { type OverviewSearch, VERSUS } from "@/lib/overview";
import { rangeMs } from "@/lib/series";
import { PagePending } from "@/ui/States";
import { TimeRange } from "@/ui/TimeRange";
import { useNow } from "@/ui/useNow";
import { useTitle } from "@/ui/useTitle";
import { ZoomOut } from "@/ui/ZoomOut";
import { useAggregate } from "./ask";
import classes from "./OverviewPage.module.css";
import { Scope } from "./Scope";

/** Needed once, before the first trace. */
const FirstTrace = lazy(() => import("@/pages/connect/FirstTrace").then((page) => ({ default: page.FirstTrace })));

interface Props {
  title: string;
  search: OverviewSearch;
  children: (ask: Ask, onStretch: (from: number, to: number) => void) => ReactNode;
}

export function Frame({ title, search, children }: Props) {
  useTitle(title);
  const navigate = useNavigate();
  const set = useCallback(
    (change: (before: OverviewSearch) => OverviewSearch) => void navigate({ to: ".", search: change as never }),
    [navigate],
  );
  const { from, step, stepMs, first, last } = stretchOf(search, useNow());
  // The buckets move only when a new one begins, so that charts are not drawn anew at each tick.
  const ask = useMemo(
    () => askOf(search, { from, step, stepMs, first, last }),
    [search, from, step, stepMs, first, last],
  );
  // Where there are runs in sight, nobody needs to look for the newest of all, and what else is asked can wait for them.
  const statuses = useAggregate(ask, ANSWERS.statuses);
  const newest = useQuery({
    ...newestRunQuery,
    enabled: statuses.data?.rows.length === 0,
    refetchInterval: (query) => (query.state.data?.runs.length === 0 ? 2000 : false),
  });
  const { data: samples = 0 } = useQuery({ ...sampleQuery, staleTime: 60_000, enabled: !statuses.isPending });

  const stretch = useCallback(
    (from: number, to: number) =>
      set((before) => ({ ...before, from: new Date(from).toISOString(), to: new Date(to).toISOString() })),
    [set],
  );
  return (
    <div className={classes.page}>
      <PageHeader title={title}>
        <Versus search={search} onChange={(vs) => set((before) => ({ ...before, vs }))} />
        {search.to && <ZoomOut ends={rangeMs(from, search.to, Date.now())} onStretch={stretch} />}
        <TimeRange
          exact
          bounded
          from={from}
          to={search.to}
          onChange={(start, end) =>
            set((before) => ({ ...before, from: start === "6h" && !end ? undefined : start, to: end }))
          }
        />
      </PageHeader>
      {newest.data?.runs.length === 0 && statuses.data?.rows.length === 0 ? (
        <div className={classes.first}>
          <Suspense fallback={<PagePending />}>
            <FirstTrace />
          </Suspense>
        </div>
      ) : (
        <div className={classes.body}>
          {samples > 0 && <SampleStrip />}
          <Scope search={search} from={from} ready={!statuses.isPending} onChange={(next) => set(() => next)} />
          {children(ask, stretch)}
        </div>
      )}
    </div>
  );
}

/** Nobody shall take sample runs for their own. */
const SampleStrip = () => (
  <p className={classes.sample} role="note">
    <span>Some runs in this project are sample data: made up, of agents named sample-….</span>
    <Link to="/connect">Erase it, or send your own traces</Link>
  </p>
);

function Versus({ search, onChange }: { search: OverviewSearch; onChange: (vs: OverviewSearch["vs"]) => void }) {
  const label = VERSUS.find(([value]) => value === search.vs)?.[1] ?? "Compare";
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button
          variant="default"
          leftSection={<IconHistory size={15} stroke={1.7} />}
          rightSection={<IconChevronDown size={14} stroke={1.7} />}
          aria-label={`Compare with: ${search.vs ? label : "nothing"}`}
        >
          {label}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {VERSUS.map(([value, name]) => (
          <Menu.Item
            key={value}
            onClick={() => onChange(value)}
            rightSection={value === search.vs ? <IconCheck size={14} stroke={2} /> : null}
          >
            {name}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item onClick={() => onChange(undefined)}>Nothing</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
