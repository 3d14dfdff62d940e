/** The time range of a list: from now back, or between two moments. */
import { Button, Menu, Modal, TextInput } from "@mantine/core";
import { IconCheck, IconChevronDown, IconClock } from "@tabler/icons-react";
import { useState } from "react";
import { absolute } from "@/lib/format";
import { fromField, toField } from "@/lib/locale";
import classes from "./TimeRange.module.css";

const RANGES: [string, string][] = [
  ["15m", "Last 15 minutes"],
  ["1h", "Last hour"],
  ["6h", "Last 6 hours"],
  ["24h", "Last 24 hours"],
  ["7d", "Last 7 days"],
  ["30d", "Last 30 days"],
  ["all", "All time"],
];

interface Props {
  from: string;
  to?: string;
  onChange: (from: string, to?: string) => void;
  /** Offers two exact moments too. */
  exact?: boolean;
  /** Leaves "all time" out. */
  bounded?: boolean;
}

export function rangeLabel(from: string, to?: string): string {
  if (to) return `${shortMoment(from)} – ${shortMoment(to)}`;
  return (
    RANGES.find(([value]) => value === from)?.[1] ??
    (/^\d+\w$/.test(from) ? `Last ${from}` : `Since ${shortMoment(from)}`)
  );
}

const shortMoment = (iso: string) => (Number.isNaN(Date.parse(iso)) ? iso : absolute(iso, "minute"));

export function TimeRange({ from, to, onChange, exact = false, bounded = false }: Props) {
  const [custom, setCustom] = useState(false);
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button
            variant="default"
            leftSection={<IconClock size={15} stroke={1.7} />}
            rightSection={<IconChevronDown size={14} stroke={1.7} />}
            aria-label={`Time range: ${rangeLabel(from, to)}`}
          >
            {rangeLabel(from, to)}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {RANGES.filter(([value]) => !bounded || value !== "all").map(([value, label]) => (
            <Menu.Item
              key={value}
              onClick={() => onChange(value)}
              rightSection={
                value === from && !to ? <IconCheck size={14} stroke={2} /> : <span className={classes.gap} />
              }
            >
              {label}
            </Menu.Item>
          ))}
          {exact && (
            <>
              <Menu.Divider />
              <Menu.Item onClick={() => setCustom(true)}>Between two moments…</Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
      <Modal
        opened={custom}
        onClose={() => setCustom(false)}
        title="Between two moments"
        size="xs"
        centered
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <Between
          from={from}
          to={to}
          onApply={(start, end) => {
            setCustom(false);
            onChange(start, end);
          }}
        />
      </Modal>
    </>
  );
}

function Between({ from, to, onApply }: { from: string; to?: string; onApply: (from: string, to: string) => void }) {
  const [start, setStart] = useState(to ? local(from) : local(new Date(Date.now() - 3_600_000).toISOString()));
  const [end, setEnd] = useState(local(to ?? new Date().toISOString()));
  const ordered = Date.parse(start) < Date.parse(end);
  return (
    <form
      className={classes.between}
      onSubmit={(event) => {
        event.preventDefault();
        if (ordered) onApply(meant(start), meant(end));
      }}
    >
      <TextInput
        type="datetime-local"
        label="From"
        step={1}
        value={start}
        onChange={(event) => setStart(event.currentTarget.value)}
      />
      <TextInput
        type="datetime-local"
        label="To"
        step={1}
        value={end}
        onChange={(event) => setEnd(event.currentTarget.value)}
        error={ordered ? undefined : "The end must be after the start."}
      />
      <Button type="submit" disabled={!ordered}>
        Show
      </Button>
    </form>
  );
}

/** A moment as a field for date and time has it; empty where it is none. */
function local(iso: string): string {
  const at = Date.parse(iso);
  return Number.isNaN(at) ? "" : toField(at);
}

/** The moment a field means, as it is asked for. */
const meant = (field: string) => new Date(fromField(field)).toISOString();
