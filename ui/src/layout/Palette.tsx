/** One field to go anywhere: pages, runs, agents, actions. */
import { Modal, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import {
  type Icon,
  IconArrowRight,
  IconKeyboard,
  IconLink,
  IconMoon,
  IconRobot,
  IconRoute,
  IconSearch,
  IconStack2,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useId, useState } from "react";
import { aggregateQuery, paletteRunsQuery } from "@/api/queries";
import { meQuery } from "@/api/settings";
import { compact } from "@/lib/format";
import { fits, traceIn } from "@/lib/palette";
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

  const pages: Entry[] = GROUPS.flatMap((group) =>
    group.pages.map((page) => ({
      key: page.to,
      group: "Pages",
      icon: page.icon,
      name: page.label,
      note: page.keys,
      run: () => void navigate({ to: page.to }),
    })),
  );
  const actions: Entry[] = [
    { key: "scheme", group: "Actions", icon: IconMoon, name: "Switch night and day", note: "t", run: onScheme },
    {
      key: "help",
      group: "Actions",
      icon: IconKeyboard,
      name: "Keyboard shortcuts and time zone",
      note: "?",
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
            run: () => void navigate({ to: "/runs", search: { agent: [agent] } }),
          },
        ]
      : [];
  });
  const matching = (entries: Entry[], most: number) => entries.filter((entry) => fits(entry.name, text)).slice(0, most);
  const entries = [
    ...(trace ? runs : []),
    ...matching(pages, text ? FEW : 99),
    ...matching(known, FEW),
    ...(trace ? [] : runs),
    ...matching(projects, FEW),
    ...matching(actions, FEW),
  ];
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
          {entries.map((entry, place) => (
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
              <small>{entry.group}</small>
            </div>
          ))}
          {entries.length === 0 && <p className={classes.none}>Nothing fits.</p>}
        </div>
      </Modal.Content>
    </Modal.Root>
  );
}
