/** Everything about one step: what it is at a glance, what is odd about it, and its content in tabs. */

import { Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { stepQuery } from "@/api/queries";
import type { LogRecord, Run, Step } from "@/api/types";
import { absolute, compact, count, duration, parse, usd, usdExact } from "@/lib/format";
import { fixed } from "@/lib/locale";
import { type RunSearch, STEP_TABS, type StepTab } from "@/lib/search";
import { displayName, tabsOf } from "@/lib/step";
import { KindBadge } from "@/theme/kinds";
import { CopyButton } from "@/ui/CopyButton";
import { JsonView } from "@/ui/JsonView";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { StatusBadge } from "@/ui/StatusMark";
import { useKeys } from "@/ui/useKeys";
import { CopyMenu } from "./CopyMenu";
import { LogsView } from "./LogsView";
import { Notices } from "./Notices";
import type { Pinned } from "./RunFindings";
import classes from "./StepDetail.module.css";
import { AttributesTab } from "./tabs/AttributesTab";
import { EventsTab } from "./tabs/EventsTab";
import { MessagesTab } from "./tabs/MessagesTab";
import { RetrievalTab } from "./tabs/RetrievalTab";
import { ToolTab } from "./tabs/ToolTab";

const TITLE: Record<StepTab, string> = {
  messages: "Messages",
  tool: "Tool",
  retrieval: "Retrieval",
  attributes: "Attributes",
  events: "Events",
  logs: "Logs",
  raw: "Raw",
};

interface Props {
  run: Run;
  steps: Step[];
  /** The step as the list has it: without content. */
  step: Step;
  search: RunSearch;
  set: (change: Partial<RunSearch>, replace?: boolean) => void;
  select: (spanId: string) => void;
  logs: LogRecord[];
  pinned: Pinned;
}

export function StepDetail({ run, steps, step, search, set, select, logs, pinned }: Props) {
  const query = useQuery(stepQuery(run.trace_id, step.span_id));
  const full = query.data?.step;
  const own = logs.filter((log) => log.span_id === step.span_id);
  const tabs = full ? tabsOf(full, own.length) : [];
  const tab = search.tab && tabs.includes(search.tab) ? search.tab : tabs[0];
  const turn = (by: number) => {
    if (!tab) return;
    set({ tab: tabs[(tabs.indexOf(tab) + by + tabs.length) % tabs.length] });
  };
  useKeys({ "[": () => turn(-1), "]": () => turn(1) });

  return (
    <div className={classes.detail} data-step={step.span_id} data-autofocus tabIndex={-1}>
      <div className={classes.head}>
        <div className={classes.title}>
          <KindBadge kind={step.kind} />
          <h2 className="cut" title={step.name}>
            {displayName(step)}
          </h2>
          {step.status !== "ok" && <StatusBadge status={step.status} />}
          <span className={classes.id}>
            <span className="mono">{step.span_id}</span>
            <CopyButton text={step.span_id} label="Copy the span id" />
            <CopyMenu run={run} step={full ?? step} ready={!!full} raw={query.data?.raw} />
          </span>
        </div>
        <Facts run={run} step={step} />
        <Notices
          run={run}
          step={full ?? step}
          steps={steps}
          select={select}
          findings={pinned.get(step.span_id) ?? []}
        />
      </div>
      {query.isPending ? (
        <SkeletonRows rows={8} height={40} />
      ) : query.isError && !full ? (
        <ErrorState error={query.error} what="this step" onRetry={() => void query.refetch()} />
      ) : full && tab ? (
        <Tabs
          className={classes.tabs}
          value={tab}
          onChange={(value) => set({ tab: STEP_TABS.find((each) => each === value) })}
          keepMounted={false}
        >
          <Tabs.List className={classes.list} aria-label="Content of the step">
            {tabs.map((each) => (
              <Tabs.Tab key={each} value={each}>
                {TITLE[each]}
                <Amount of={each} step={full} logs={own.length} />
              </Tabs.Tab>
            ))}
          </Tabs.List>
          {/* A tab's content starts at its top for every step. */}
          <div className={classes.body} key={`${step.span_id} ${tab}`}>
            <Tabs.Panel value="messages">
              <MessagesTab run={run} steps={steps} step={full} select={select} />
            </Tabs.Panel>
            <Tabs.Panel value="tool">
              <ToolTab step={full} steps={steps} select={select} />
            </Tabs.Panel>
            <Tabs.Panel value="retrieval">
              <RetrievalTab step={full} />
            </Tabs.Panel>
            <Tabs.Panel value="attributes">
              <AttributesTab step={full} />
            </Tabs.Panel>
            <Tabs.Panel value="events">
              <EventsTab step={full} />
            </Tabs.Panel>
            <Tabs.Panel value="logs">
              <LogsView logs={own} start={run.started_at} />
            </Tabs.Panel>
            <Tabs.Panel value="raw">
              <div className={classes.raw}>
                <JsonView value={query.data?.raw} open={8} />
              </div>
            </Tabs.Panel>
          </div>
        </Tabs>
      ) : null}
    </div>
  );
}

function Amount({ of, step, logs }: { of: StepTab; step: Step; logs: number }) {
  const n =
    of === "attributes"
      ? Object.keys(step.attributes).length
      : of === "events"
        ? step.events.length + step.links.length
        : of === "logs"
          ? logs
          : of === "retrieval"
            ? step.retrieval?.documents.length
            : undefined;
  return n ? <span className={classes.number}>{count(n)}</span> : null;
}

function Facts({ run, step }: { run: Run; step: Step }) {
  const { usage } = step;
  const offset = (parse(step.started_at) ?? 0) - (parse(run.started_at) ?? 0);
  const facts: [string, ReactNode, string?][] = [
    ["Duration", duration(step.duration_ms), `Started ${absolute(step.started_at)}`],
    ["At", `+${duration(Math.max(0, offset))}`, `Started ${absolute(step.started_at)}`],
  ];
  if (step.duration_ms != null && Math.abs(step.own_ms - step.duration_ms) > 0.5) {
    facts.push(["Own time", duration(step.own_ms), "Not covered by the steps below it"]);
  }
  if (step.critical_ms)
    facts.push([
      "Waited for",
      <>
        {duration(step.critical_ms)}
        <span className="faint"> {share(step.critical_ms / run.duration_ms)}</span>
      </>,
      "Of the run's length, what this step itself took up while the run waited for it",
    ]);
  if (step.ttft_ms != null) facts.push(["First token", duration(step.ttft_ms)]);
  if (step.model)
    facts.push([
      "Model",
      step.model,
      step.request_model && step.request_model !== step.model ? `Asked for ${step.request_model}` : undefined,
    ]);
  if (step.provider) facts.push(["Provider", step.provider]);
  if (usage.input_tokens != null) {
    facts.push([
      "Tokens in",
      <Tokens
        key="in"
        value={usage.input_tokens}
        note={usage.cache_read_tokens ? `${compact(usage.cache_read_tokens)} cached` : undefined}
      />,
      tokensHint(step),
    ]);
  }
  if (usage.output_tokens != null) {
    facts.push([
      "Tokens out",
      <Tokens
        key="out"
        value={usage.output_tokens}
        note={usage.reasoning_tokens ? `${compact(usage.reasoning_tokens)} reasoning` : undefined}
      />,
    ]);
  }
  if (usage.input_tokens == null && usage.output_tokens == null && usage.total_tokens != null)
    facts.push(["Tokens", count(usage.total_tokens)]);
  if (step.cost_usd != null)
    facts.push([
      "Cost",
      usd(step.cost_usd),
      step.cost_source ? `${usdExact(step.cost_usd)}, ${step.cost_source}` : undefined,
    ]);
  if (step.finish_reason) facts.push(["Finish", step.finish_reason]);
  if (step.agent && step.kind !== "agent") facts.push(["Agent", step.agent]);
  if (step.prompt?.name)
    facts.push(["Prompt", `${step.prompt.name}${step.prompt.version ? ` ${step.prompt.version}` : ""}`]);
  return (
    <dl className={classes.facts}>
      {facts.map(([name, value, hint]) => (
        <div key={name} title={hint}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** What is there is never none of it. */
const share = (part: number) =>
  part < 0.0005 ? `<${fixed(0.1, 1)} %` : `${fixed(part * 100, part < 0.0995 ? 1 : 0)} %`;

function Tokens({ value, note }: { value: number; note?: string }) {
  return (
    <>
      {count(value)}
      {note && <span className="faint"> {note}</span>}
    </>
  );
}

function tokensHint({ usage }: Step): string | undefined {
  return usage.cache_write_tokens ? `${count(usage.cache_write_tokens)} written to the cache` : undefined;
}
