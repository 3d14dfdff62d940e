/** Prices of your own and budgets: files that are put in place here, checked by the server before they hold. */
import { Button, Textarea } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { budgetsQuery, pricesQuery, putText } from "@/api/money";
import { reprice } from "@/api/settings";
import type { PriceRow } from "@/api/types";
import { absolute, count, plural, usd } from "@/lib/format";
import { BoardPanel, type Column, Grid, Table } from "@/ui/Board";
import { ErrorState, SkeletonRows } from "@/ui/States";
import classes from "./Settings.module.css";

const OWN: Column<PriceRow>[] = [
  { key: "model", name: "Model", left: true, wide: true, cell: (row) => row.model },
  { key: "provider", name: "Provider", left: true, cell: (row) => (row.provider === "*" ? "any" : row.provider) },
  { key: "input", name: "Per million in", cell: (row) => usd(row.input) },
  { key: "output", name: "Per million out", cell: (row) => usd(row.output) },
  { key: "from", name: "Since", cell: (row) => (row.from ? absolute(row.from, "day") : "always") },
];

const PRICE_EXAMPLE = `[[price]]
provider = "openai"
model = "our-model"
input = 0.5
output = 1.5`;

const BUDGET_EXAMPLE = `[[budget]]
name = "daily"
per = "project"
over = "day"
usd = 50
hard = true`;

export function Prices() {
  const prices = useQuery(pricesQuery);
  const budgets = useQuery(budgetsQuery);
  if (prices.isPending || budgets.isPending) return <SkeletonRows rows={10} />;
  if (prices.isError || budgets.isError)
    return (
      <ErrorState
        error={prices.error ?? budgets.error}
        what="prices and budgets"
        onRetry={() => {
          for (const each of [prices, budgets]) if (each.isError) void each.refetch();
        }}
      />
    );
  return (
    <Grid>
      <BoardPanel
        title="Prices of your own"
        about={`They lie above the ${count(prices.data.built_in)} rows built in. Calls that come in from now on are priced by them.`}
        span={6}
      >
        {prices.data.own.length > 0 && (
          <div className={classes.own}>
            <Table label="Prices of your own" columns={OWN} rows={prices.data.own} rowKey={(row) => row.id} />
          </div>
        )}
        <File
          key={prices.data.text}
          path="/api/v1/prices"
          text={prices.data.text}
          label="Price file (TOML)"
          unit="Dollars per million tokens"
          placeholder={PRICE_EXAMPLE}
        />
        <Reprice />
      </BoardPanel>
      <BoardPanel
        title="Budgets"
        about="How much may be spent, by whom, in which time, and what happens on the way there."
        span={6}
      >
        {budgets.data.file ? (
          <p className="muted">
            They come from the file <code className="mono">{budgets.data.file}</code>: change it there, and restart the
            server.
          </p>
        ) : (
          <File
            key={budgets.data.text}
            path="/api/v1/budgets"
            text={budgets.data.text}
            label="Budget file (TOML)"
            placeholder={BUDGET_EXAMPLE}
          />
        )}
      </BoardPanel>
    </Grid>
  );
}

interface FileProps {
  path: "/api/v1/prices" | "/api/v1/budgets";
  text: string;
  label: string;
  /** What its numbers mean. */
  unit?: string;
  placeholder: string;
}

function File({ path, text: before, label, unit, placeholder }: FileProps) {
  const client = useQueryClient();
  const [text, setText] = useState(before);
  const put = useMutation({
    mutationFn: () => putText(path, text),
    onSuccess: () =>
      client.invalidateQueries({ predicate: ({ queryKey }) => /^(prices|budgets|costs)/.test(String(queryKey[0])) }),
  });
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        put.mutate();
      }}
    >
      <Textarea
        className={classes.file}
        label={label}
        description={unit}
        placeholder={placeholder}
        autosize
        minRows={8}
        maxRows={26}
        spellCheck={false}
        value={text}
        error={put.isError ? put.error.message : undefined}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <span className={classes.actions}>
        <Button type="submit" disabled={text === before} loading={put.isPending}>
          Put in place
        </Button>
        {text !== before && (
          <Button variant="default" onClick={() => setText(before)}>
            As it was
          </Button>
        )}
      </span>
    </form>
  );
}

/** Prices the ledger again: first what would change, then for good. */
function Reprice() {
  const client = useQueryClient();
  const run = useMutation({
    mutationFn: reprice,
    onSuccess: (done) =>
      done.dry_run || client.invalidateQueries({ predicate: ({ queryKey }) => /^costs/.test(String(queryKey[0])) }),
  });
  const done = run.data;
  return (
    <div style={{ marginTop: 14 }}>
      <span className={classes.actions}>
        <Button variant="default" loading={run.isPending} onClick={() => run.mutate(true)}>
          What would pricing again change?
        </Button>
        {done?.dry_run && done.changed_calls > 0 && (
          <Button loading={run.isPending} onClick={() => run.mutate(false)}>
            Price {plural(done.changed_calls, "call")} again
          </Button>
        )}
      </span>
      {run.isError && (
        <p role="alert" data-tone="bad">
          {run.error.message}
        </p>
      )}
      {done && (
        <p className="muted" style={{ marginTop: 6 }} aria-live="polite">
          {done.changed_calls === 0
            ? `Nothing: the runs kept, ${count(done.runs)}, are priced as they would be now.`
            : `${plural(done.changed_calls, "call")} of ${plural(done.changed_runs, "run")} ${done.dry_run ? "would change" : "changed"}: from ${usd(done.before_usd)} to ${usd(done.after_usd)}.`}
        </p>
      )}
    </div>
  );
}
