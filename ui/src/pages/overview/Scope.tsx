/** Which part of everything is looked at: one agent, workflow, service or environment. */
import { Select, Skeleton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { aggregateQuery } from "@/api/queries";
import { count } from "@/lib/format";
import { type OverviewSearch, SCOPES, type ScopeField } from "@/lib/overview";
import classes from "./OverviewPage.module.css";

interface Props {
  search: OverviewSearch;
  from: string;
  /** Whether the numbers that are waited for are there: until then nothing else is asked. */
  ready: boolean;
  onChange: (search: OverviewSearch) => void;
}

export function Scope({ search, from, ready, onChange }: Props) {
  return (
    <fieldset className={classes.scope}>
      <legend className="sr">What is looked at</legend>
      {SCOPES.map((field) => (
        <Choice
          key={field}
          field={field}
          from={from}
          to={search.to}
          ready={ready}
          value={search[field]?.[0]}
          onChange={(value) => onChange({ ...search, [field]: value === undefined ? undefined : [value] })}
        />
      ))}
    </fieldset>
  );
}

interface ChoiceProps {
  field: ScopeField;
  from: string;
  to?: string;
  ready: boolean;
  value?: string;
  onChange: (value: string | undefined) => void;
}

function Choice({ field, from, to, ready, value, onChange }: ChoiceProps) {
  const { data, isError } = useQuery({ ...aggregateQuery({ by: field, from, ...(to ? { to } : {}) }), enabled: ready });
  const found = (data?.rows ?? []).flatMap((row) => (row.by[0] ? [{ value: row.by[0], count: row.count }] : []));
  found.sort((one, other) => other.count - one.count);
  if (value && !found.some((each) => each.value === value)) found.unshift({ value, count: 0 });
  // Its place is kept until it is known whether there is anything to choose: what stands below does not jump.
  if (!data && !isError && !value) return <Skeleton width={206} height={30} />;
  if (found.length < 2 && !value) return null;
  return (
    <Select
      size="xs"
      searchable
      clearable
      aria-label={`Only this ${field}`}
      placeholder={`Any ${field}`}
      value={value ?? null}
      onChange={(chosen) => onChange(chosen ?? undefined)}
      data={found.map((each) => ({ value: each.value, label: each.value }))}
      renderOption={({ option }) => (
        <span className={classes.option}>
          <span className="cut">{option.label}</span>
          <span className="faint tnum">{count(found.find((each) => each.value === option.value)?.count)}</span>
        </span>
      )}
      clearButtonProps={{ "aria-label": `Any ${field}` }}
      comboboxProps={{ width: 260, position: "bottom-start" }}
    />
  );
}
