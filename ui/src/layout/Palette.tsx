/** One field to go anywhere: pages and their sections, runs, sessions, agents, tools, issues, dashboards, actions. */
import { Modal, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import {
  type Icon,
  IconArrowRight,
  IconBell,
  IconBug,
  IconGitCompare,
  IconKeyboard,
  IconLayoutGrid,
  IconLink,
  IconMessages,
  IconMoon,
  IconRobot,
  IconRoute,
  IconSearch,
  IconSettings,
  IconStack2,
  IconTool,
} from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useId, useState } from "react";
import { dashboardsQuery } from "@/api/dashboards";
import { issuesListQuery } from "@/api/findings";
import { aggregateQuery, paletteRunsQuery, sessionsQuery } from "@/api/queries";
import { meQuery } from "@/api/settings";
import { ALERT_VIEWS } from "@/lib/alerts";
import { compact, plural, withMoments } from "@/lib/format";
import { issueName } from "@/lib/issues";
import { fits, traceIn } from "@/lib/palette";
import { SECTIONS } from "@/lib/settings";
import { runName } from "@/lib/step";
import { copyText } from "@/ui/useCopy";
import { entrance } from "./Account";
import { GROUPS } from "./Navigation";
import classes from "./Palette.module.css";

interface Entry {
  key: string;
  group: string;
  icon: Icon;
  name: string;
  note?: string;
  /** Keys that do the same. */
  keys?: string;
  run: () => void;
}

interface Props {
  onClose: () => void;
  onHelp: () => void;
  onScheme: () => void;
}

/** Entries of a kind at most. */
const FEW = 6;

export function Palette({ onClose, onHelp, onScheme }: Props) {
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const [typed] = useDebouncedValue(text.trim(), 150);
  const [at, setAt] = useState(0);
  const id = useId();
  const trace = traceIn(text);
  const { data: found } = useQuery({ ...paletteRunsQuery(typed), enabled: typed.length > 1 && !trace });
  const { data: agents } = useQuery(aggregateQuery({ by: "agent", from: "7d" }));
  const { data: tools } = useQuery(aggregateQuery({ of: "steps", by: "tool", from: "7d" }));
  // What there may be much of is asked for once somebody looks for something.
  const asked = typed.length > 1 && !trace;
  const { data: issues } = useInfiniteQuery({ ...issuesListQuery({}), enabled: asked });
  const { data: dashboards } = useQuery({ ...dashboardsQuery, enabled: asked });
  const { data: sessions } = useInfiniteQuery({ ...sessionsQuery({ q: typed, from: "30d" }), enabled: asked });

  const pages: Entry[] = GROUPS.flatMap((group) =>
    group.pages.map((page) => ({
      key: page.to,
      group: "Pages",
      icon: page.icon,
      name: page.label,
      keys: page.keys,
      run: () => void navigate({ to: page.to }),
    })),
  );
  const parts: Entry[] = [
    {
      key: "findings",
      group: "Parts of pages",
      icon: IconBug,
      name: "Findings",
      run: () => void navigate({ to: "/findings" }),
    },
    {
      key: "compare",
      group: "Parts of pages",
      icon: IconGitCompare,
      name: "Compare runs",
      run: () => void navigate({ to: "/compare" }),
    },
    ...ALERT_VIEWS.filter(([view]) => view !== "now").map(([view, label]) => ({
      key: `alerts ${view}`,
      group: "Parts of pages",
      icon: IconBell,
      name: `Alerts: ${label}`,
      run: () => void navigate({ to: "/alerts", search: { view } }),
    })),
    ...SECTIONS.map(([section, label]) => ({
      key: `settings ${section}`,
      group: "Parts of pages",
      icon: IconSettings,
      name: `Settings: ${label}`,
      run: () => void navigate({ to: "/settings/$section", params: { section } }),
    })),
  ];
  const actions: Entry[] = [
    { key: "scheme", group: "Actions", icon: IconMoon, name: "Switch night and day", keys: "t", run: onScheme },
    {
      key: "help",
      group: "Actions",
      icon: IconKeyboard,
      name: "Keyboard shortcuts and time zone",
      keys: "?",
      run: onHelp,
    },
    {
      key: "address",
      group: "Actions",
      icon: IconLink,
      name: "Copy the address of this view",
      run: () => copyText(window.location.href),
    },
  ];
  const { data: me } = useQuery(meQuery);
  const projects: Entry[] = (me?.projects ?? [])
    .filter((project) => project !== me?.project)
    .map((project) => ({
      key: `project ${project}`,
      group: "Projects",
      icon: IconStack2,
      name: `Go to the project ${project}`,
      run: () => window.location.assign(entrance(project)),
    }));
  const runs: Entry[] = trace
    ? [
        {
          key: trace,
          group: "Runs",
          icon: IconArrowRight,
          name: `Open the run ${trace.slice(0, 8)}…`,
          run: () => void navigate({ to: "/runs/$traceId", params: { traceId: trace } }),
        },
      ]
    : typed.length > 1
      ? [
          ...(found?.runs ?? []).map((run) => ({
            key: run.trace_id,
            group: "Runs",
            icon: IconRoute,
            name: runName(run.name),
            note: run.input_preview ?? undefined,
            run: () => void navigate({ to: "/runs/$traceId", params: { traceId: run.trace_id } }),
          })),
          {
            key: "search",
            group: "Runs",
            icon: IconSearch,
            name: `Runs that mention “${typed}”`,
            run: () => void navigate({ to: "/runs", search: { q: typed } }),
          },
        ]
      : [];
  const known: Entry[] = (agents?.rows ?? []).flatMap((row) => {
    const agent = row.by[0];
    return agent
      ? [
          {
            key: `agent ${agent}`,
            group: "Agents",
            icon: IconRobot,
            name: agent,
            note: `${compact(row.count)} runs in 7 days`,
            run: () => void navigate({ to: "/agents/agent", search: { name: agent } }),
          },
        ]
      : [];
  });
  const used: Entry[] = (tools?.rows ?? []).flatMap((row) => {
    const tool = row.by[0];
    return tool
      ? [
          {
            key: `tool ${tool}`,
            group: "Tools",
            icon: IconTool,
            name: tool,
            note: `${compact(row.count)} calls in 7 days`,
            run: () => void navigate({ to: "/tools", search: { tool: [tool] } }),
          },
        ]
      : [];
  });
  const failures: Entry[] = (issues?.pages ?? []).flatMap((page) =>
    page.issues.map((issue) => ({
      key: `issue ${issue.fingerprint}`,
      group: "Issues",
      icon: IconBug,
      name: issueName(issue),
      note: withMoments(issue.message),
      run: () => void navigate({ to: "/incidents/$fingerprint", params: { fingerprint: issue.fingerprint } }),
    })),
  );
  const boards: Entry[] = (dashboards?.dashboards ?? []).map((each) => ({
    key: `dashboard ${each.id}`,
    group: "Dashboards",
    icon: IconLayoutGrid,
    name: each.title,
    note: each.description,
    run: () => void navigate({ to: "/dashboards/$id", params: { id: each.id } }),
  }));
  const talks: Entry[] = (sessions?.pages[0]?.sessions ?? []).slice(0, FEW).map((each) => ({
    key: `session ${each.session_id}`,
    group: "Sessions",
    icon: IconMessages,
    name: each.session_id,
    note: plural(each.runs, "run"),
    run: () => void navigate({ to: "/sessions/session", search: { id: each.session_id } }),
  }));
  const matching = (entries: Entry[], most: number) => entries.filter((entry) => fits(entry.name, text)).slice(0, most);
  const entries = [
    ...(trace ? runs : []),
    ...matching(pages, text ? FEW : 99),
    ...(text ? matching(parts, FEW) : []),
    ...matching(known, FEW),
    ...(text ? matching(used, FEW) : []),
    ...matching(projects, FEW),
    ...matching(actions, FEW),
    ...(asked ? matching(failures, FEW) : []),
    ...(asked ? matching(boards, FEW) : []),
    ...(trace ? [] : runs),
    ...(asked ? talks : []),
  ];
  const groups = [...new Set(entries.map((entry) => entry.group))];
  const current = Math.min(at, entries.length - 1);
  const take = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    entry.run();
  };
  const onKey = (event: KeyboardEvent) => {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (by) {
      event.preventDefault();
      setAt((current + by + entries.length) % Math.max(1, entries.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      take(entries[current]);
    }
  };

  return (
    <Modal.Root opened onClose={onClose} size={560} yOffset="12vh" padding={0}>
      <Modal.Overlay />
      <Modal.Content aria-label="Go to">
        <TextInput
          data-autofocus
          size="md"
          role="combobox"
          aria-label="Go to a page, run or agent"
          aria-expanded
          aria-controls={id}
          aria-activedescendant={entries[current] ? `${id}-${current}` : undefined}
          placeholder="A page, a run's id or words, an agent, an action"
          leftSection={<IconSearch size={17} stroke={1.7} />}
          className={classes.field}
          value={text}
          onChange={(event) => {
            setText(event.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={onKey}
        />
        <div role="listbox" id={id} aria-label="What fits" className={classes.list}>
          {groups.map((group) => (
            <div key={group} role="group" aria-label={group}>
              <div className={classes.group} aria-hidden>
                {group}
              </div>
              {entries.map(
                (entry, place) =>
                  entry.group === group && (
                    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the field
                    <div
                      key={entry.key}
                      id={`${id}-${place}`}
                      role="option"
                      aria-selected={place === current}
                      className={classes.entry}
                      ref={place === current ? (element) => element?.scrollIntoView({ block: "nearest" }) : undefined}
                      onClick={() => take(entry)}
                      onPointerMove={() => setAt(place)}
                    >
                      <entry.icon size={16} stroke={1.7} aria-hidden />
                      <span className="cut">{entry.name}</span>
                      {entry.note && <span className="cut faint">{entry.note}</span>}
                      {entry.keys && (
                        <span className={classes.keys}>
                          {entry.keys.split(" ").map((key) => (
                            <kbd key={key}>{key}</kbd>
                          ))}
                        </span>
                      )}
                    </div>
                  ),
              )}
            </div>
          ))}
          {entries.length === 0 && <p className={classes.none}>Nothing fits.</p>}
        </div>
      </Modal.Content>
    </Modal.Root>
  );
}
