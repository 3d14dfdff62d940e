/** Two runs aligned step by step, with the first place where they part; or one run against what such runs usually are. */
import { ActionIcon, Button, SegmentedControl, TextInput, Tooltip } from "@mantine/core";
import { IconArrowsLeftRight, IconGitCompare } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { diffQuery } from "@/api/compare";
import { newestRunQuery } from "@/api/queries";
import type { DiffAnswer, Run } from "@/api/types";
import { type CompareSearch, comparing, pastedTrace } from "@/lib/compare";
import { compact, count, duration, plural, usd } from "@/lib/format";
import { BoardPage, BoardPanel, type Column, Grid, Table } from "@/ui/Board";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { StatusMark } from "@/ui/StatusMark";
import { Ago } from "@/ui/Time";
import { useTitle } from "@/ui/useTitle";
import classes from "./ComparePage.module.css";
import { Many } from "./Many";
import { Pairs } from "./Pairs";
import { Population } from "./Population";

const route = getRouteApi("/compare");

export function ComparePage() {
  useTitle("Compare");
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const change = (more: Partial<CompareSearch>) =>
    void navigate({ search: (before) => ({ ...before, ...more }), replace: true });
  const { a, b, more } = search;
  if (a && b && more)
    return (
      <BoardPage
        title="Compare"
        tools={
          <Link to="/compare" search={comparing([a, b])}>
            Only the first two
          </Link>
        }
      >
        <Many ids={[a, b, ...more]} order={search.order} onOrder={(order) => change({ order })} />
      </BoardPage>
    );
  return (
    <BoardPage
      title="Compare"
      tools={
        b && (
          <SegmentedControl
            size="xs"
            aria-label="Which steps"
            value={search.only ?? "all"}
            onChange={(only) => change({ only: only === "different" ? only : undefined })}
            data={[
              { value: "all", label: "All steps" },
              { value: "different", label: "Differences" },
            ]}
          />
        )
      }
    >
      <div className={classes.pick}>
        <Pick label="Run" value={a} onPick={(a) => change({ a, pair: undefined })} />
        <Tooltip label="The other way round">
          <ActionIcon
            aria-label="Swap the runs"
            disabled={!a || !b}
            size={30}
            onClick={() => change({ a: b, b: a, pair: undefined })}
          >
            <IconArrowsLeftRight size={16} stroke={1.7} />
          </ActionIcon>
        </Tooltip>
        <Pick label="Compared with" value={b} onPick={(b) => change({ b, pair: undefined })} />
      </div>
      {!a ? <Start /> : !b ? <Population traceId={a} /> : <Diff a={a} b={b} search={search} onChange={change} />}
    </BoardPage>
  );
}

/** A run by its id, or by any address that holds it. */
function Pick({ label, value, onPick }: { label: string; value?: string; onPick: (id: string | undefined) => void }) {
  const [text, setText] = useState(value ?? "");
  const before = useRef(value);
  useEffect(() => {
    if (before.current !== value) setText(value ?? "");
    before.current = value;
  }, [value]);
  const wrong = text.trim() !== "" && !pastedTrace(text);
  return (
    <TextInput
      size="xs"
      label={label}
      placeholder="Id or address of a run"
      value={text}
      error={wrong ? "That holds no id of a run: 32 hexadecimal digits." : undefined}
      classNames={{ input: "mono" }}
      onChange={(event) => {
        const next = event.currentTarget.value;
        setText(next);
        const found = pastedTrace(next);
        if (found || next.trim() === "") onPick(found);
      }}
    />
  );
}

function Start() {
  const { data } = useQuery(newestRunQuery);
  const newest = data?.runs[0];
  return (
    <Empty
      icon={<IconGitCompare size={26} stroke={1.4} aria-hidden />}
      title="Which runs?"
      action={
        newest ? (
          <Link to="/compare" search={{ a: newest.trace_id }}>
            Hold the newest run against runs like it
          </Link>
        ) : (
          <Link to="/runs">Look at the runs</Link>
        )
      }
    >
      Paste the ids of two runs, or mark some on the page of runs. One run alone is held against good runs of its kind.
    </Empty>
  );
}

interface DiffProps {
  a: string;
  b: string;
  search: CompareSearch;
  onChange: (more: Partial<CompareSearch>) => void;
}

function Diff({ a, b, search, onChange }: DiffProps) {
  const { data, isPending, isError, error, refetch } = useQuery(diffQuery(a, b));
  const jump = useRef<HTMLLIElement>(null);
  if (isPending) return <SkeletonRows rows={14} />;
  if (isError) return <ErrorState error={error} what="the comparison" onRetry={() => void refetch()} />;
  const first = data.first_divergence;
  return (
    <Grid>
      <BoardPanel title="The runs">
        <Table label="The runs" columns={SIDES} rows={numbers(data)} rowKey={(row) => row.name} />
      </BoardPanel>
      <BoardPanel
        title="Steps"
        about="Steps are aligned by kind and name. A pair differs where what was put in or what came out differs; ids, times and spacing do not count."
        tools={
          first != null && (
            <Button
              variant="default"
              size="compact-xs"
              onClick={() => {
                onChange({ pair: first });
                jump.current?.scrollIntoView({ block: "center" });
              }}
            >
              To the first difference
            </Button>
          )
        }
      >
        <p className="muted" style={{ marginBottom: 8 }}>
          {first == null
            ? `All ${count(data.same)} steps are the same.`
            : `${count(data.same)} of ${plural(data.pairs.length, "pair")} ${data.same === 1 ? "is" : "are"} the same; they part at step ${first + 1}.`}
          {data.cut && " Later steps were left out."}
        </p>
        <Pairs answer={data} only={search.only} open={search.pair} first={jump} onOpen={(pair) => onChange({ pair })} />
      </BoardPanel>
    </Grid>
  );
}

interface Row {
  name: string;
  left: React.ReactNode;
  right: React.ReactNode;
  more: string;
}

const SIDES: Column<Row>[] = [
  { key: "name", name: "Number", silent: true, left: true, cell: (row) => row.name },
  { key: "left", name: "Run", left: true, wide: true, cell: (row) => row.left },
  { key: "right", name: "Compared with", left: true, wide: true, cell: (row) => row.right },
  { key: "more", name: "Change", cell: (row) => row.more },
];

/** A difference with its sign. */
const more = (left: number | null | undefined, right: number | null | undefined, say: (value: number) => string) => {
  if (left == null || right == null) return "–";
  if (left === right) return "same";
  return `${right > left ? "+" : "−"}${say(Math.abs(right - left))}`;
};

/** Which were asked first depends on what ended first: only which there are tells the runs apart. */
const sameModels = (left: Run, right: Run) => left.models.toSorted().join() === right.models.toSorted().join();

const models = (of: Run) => <span className={classes.models}>{of.models.toSorted().join(", ") || "–"}</span>;

function numbers({ left, right }: DiffAnswer): Row[] {
  const run = (of: Run) => (
    <span style={{ display: "flex", gap: 8, alignItems: "center", minWidth: 0 }}>
      <StatusMark status={of.status} />
      <Link to="/runs/$traceId" params={{ traceId: of.trace_id }} className="cut">
        {of.agent ?? of.name}
      </Link>
      <Ago at={of.started_at} className={`${classes.began} faint tnum`} />
    </span>
  );
  const number = (
    name: string,
    of: (run: Run) => number | null | undefined,
    say: (value: number | null | undefined) => string,
  ): Row => ({ name, left: say(of(left)), right: say(of(right)), more: more(of(left), of(right), say) });
  return [
    { name: "Run", left: run(left), right: run(right), more: "" },
    { name: "Models", left: models(left), right: models(right), more: sameModels(left, right) ? "same" : "different" },
    number("Duration", (of) => of.duration_ms, duration),
    number("Steps", (of) => of.steps, count),
    number("Rounds", (of) => of.rounds, count),
    number("Tool calls", (of) => of.tool_calls, count),
    number("Errors", (of) => of.errors, count),
    number("Tokens", (of) => of.usage.total_tokens, compact),
    number("Cost", (of) => of.cost_usd, usd),
  ];
}
