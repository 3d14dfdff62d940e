/** Budgets with what is left in each account, and which levels were passed. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { budgetsQuery, MONEY_REFRESH_MS } from "@/api/money";
import type { BudgetAccount, BudgetPassed } from "@/api/types";
import { shortId, usd } from "@/lib/format";
import { BoardPanel, type Column, Meter, Nothing, Table, type Tone } from "@/ui/Board";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";

const tone = (percent: number): Tone => (percent >= 100 ? "bad" : percent >= 70 ? "warn" : "good");

/** Whose account it is; of a run the beginning of its id, which would push the numbers out of sight. */
const name = (key: string) => (isTrace(key) ? shortId(key) : key);
const isTrace = (key: string) => /^[0-9a-f]{32}$/.test(key);

function Account({ row }: { row: BudgetAccount }) {
  if (!isTrace(row.key)) return row.key;
  return (
    <Link to="/runs/$traceId" params={{ traceId: row.key }} className="mono">
      {name(row.key)}
    </Link>
  );
}

const ACCOUNTS: Column<BudgetAccount>[] = [
  { key: "budget", name: "Budget", left: true, wide: true, cell: (row) => row.budget },
  { key: "key", name: "Account", left: true, cell: (row) => <Account row={row} /> },
  {
    key: "used",
    name: "Used",
    cell: (row) => (
      <span style={{ display: "inline-block", width: 64 }}>
        <Meter percent={row.percent} tone={tone(row.percent)} label={`${row.percent} % used`} />
      </span>
    ),
  },
  {
    key: "percent",
    name: "Share used",
    silent: true,
    cell: (row) => `${row.percent} %`,
    tone: (row) => tone(row.percent),
  },
  { key: "spent", name: "Spent", cell: (row) => usd(row.spent_usd) },
  { key: "held", name: "Held", cell: (row) => usd(row.held_usd) },
  {
    key: "left",
    name: "Left",
    cell: (row) => usd(row.left_usd),
    tone: (row) => (row.left_usd < 0 ? "bad" : undefined),
  },
  { key: "limit", name: "Limit", cell: (row) => usd(row.limit_usd) },
  { key: "resets", name: "Begins anew", cell: (row) => (row.resets_at ? <Ago at={row.resets_at} /> : "each run") },
];

/** Accounts shown of each budget, and levels passed: a budget of each run has thousands. */
const SHOWN = 8;
const SHOWN_PASSED = 12;

const fullest = (accounts: BudgetAccount[]) => {
  const seen = new Map<string, number>();
  return accounts.filter(({ budget }) => {
    const many = (seen.get(budget) ?? 0) + 1;
    seen.set(budget, many);
    return many <= SHOWN;
  });
};

export function Budgets() {
  const { data, isPending, isError, error, refetch } = useQuery({ ...budgetsQuery, refetchInterval: MONEY_REFRESH_MS });
  return (
    <BoardPanel
      title="Budgets"
      about="What may be spent, by whom, in which time. Agents ask before a call and are told to go on, to take a cheaper model, or to stop."
      span={7}
      tools={
        <Link to="/settings/$section" params={{ section: "prices" }}>
          Change
        </Link>
      }
    >
      {isPending ? (
        <SkeletonRows rows={3} />
      ) : isError ? (
        <ErrorState error={error} what="the budgets" onRetry={() => void refetch()} />
      ) : data.budgets.length === 0 ? (
        <Nothing>
          No budget is set. A budget says how much may be spent by a project, agent, user or run in an hour, a day or a
          month; a hard one stops it.
        </Nothing>
      ) : (
        <Table
          label="Accounts of budgets"
          // Money is held only between a question and its call.
          columns={ACCOUNTS.filter(({ key }) => key !== "held" || data.accounts.some((row) => row.held_usd > 0))}
          rows={fullest(data.accounts)}
          rowKey={(row) => `${row.budget}\n${row.key}\n${row.run ?? ""}`}
          empty="Nothing was spent of any budget yet."
        />
      )}
    </BoardPanel>
  );
}

const PASSED: Column<BudgetPassed>[] = [
  { key: "at", name: "When", left: true, cell: (row) => <Ago at={row.at} /> },
  { key: "budget", name: "Budget", left: true, wide: true, cell: (row) => `${row.budget}, ${name(row.key)}` },
  { key: "percent", name: "Level", cell: (row) => `${row.percent} %`, tone: (row) => tone(row.percent) },
  { key: "action", name: "What happens", left: true, cell: (row) => row.action },
  {
    key: "run",
    name: "By",
    cell: (row) =>
      row.run ? (
        <Link to="/runs/$traceId" params={{ traceId: row.run }}>
          the run
        </Link>
      ) : (
        "–"
      ),
  },
];

export function Passed() {
  const { data, isPending, isError, error, refetch } = useQuery(budgetsQuery);
  return (
    <BoardPanel
      title="Levels passed"
      about="When an account passed a level of its budget, the latest first, with the run that did it."
      span={5}
    >
      {isPending ? (
        <SkeletonRows rows={3} />
      ) : isError ? (
        <ErrorState error={error} what="levels that were passed" onRetry={() => void refetch()} />
      ) : (
        <Table
          label="Levels passed"
          columns={PASSED}
          rows={data.passed.slice(0, SHOWN_PASSED)}
          rowKey={(row) => `${row.at}${row.budget}${row.key}${row.percent}`}
          empty="No level was passed."
        />
      )}
    </BoardPanel>
  );
}
