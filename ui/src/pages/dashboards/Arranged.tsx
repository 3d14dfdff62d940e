/** Panels on their grid. While arranging, a panel is dragged by its handle and resized at its corner; both also by arrow keys. */
import { ActionIcon } from "@mantine/core";
import { IconArrowsMove, IconPencil, IconTrash } from "@tabler/icons-react";
import { type KeyboardEvent, type PointerEvent, useRef, useState } from "react";
import type { DashboardPanel } from "@/api/types";
import { arrange, COLUMNS } from "@/lib/dashboard";
import { About } from "@/ui/Board";
import classes from "./Dashboards.module.css";
import { PanelView, type View } from "./PanelView";

/** Height of a row and the gap below it, as the style sheet has them. */
const ROW = 38;

interface Props {
  panels: DashboardPanel[];
  view: View;
  editing: boolean;
  onArrange: (panels: DashboardPanel[]) => void;
  onWrite: (id: string) => void;
  onRemove: (id: string) => void;
}

interface Drag {
  id: string;
  how: "move" | "size";
  x: number;
  y: number;
  panels: DashboardPanel[];
}

const KEYS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function Arranged({ panels, view, editing, onArrange, onWrite, onRemove }: Props) {
  const grid = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<Drag>();
  const shown = drag?.panels ?? panels;

  const to = (panel: DashboardPanel, how: Drag["how"], dx: number, dy: number) =>
    arrange(
      panels,
      panel.id,
      how === "move" ? { x: panel.x + dx, y: panel.y + dy } : { w: panel.w + dx, h: panel.h + dy },
    );
  const grip = (panel: DashboardPanel, how: Drag["how"]) => ({
    onPointerDown: (event: PointerEvent<HTMLButtonElement>) => {
      event.currentTarget.setPointerCapture(event.pointerId);
      setDrag({ id: panel.id, how, x: event.clientX, y: event.clientY, panels });
    },
    onPointerMove: (event: PointerEvent<HTMLButtonElement>) => {
      const width = grid.current?.clientWidth;
      if (!drag || drag.id !== panel.id || !width) return;
      const dx = Math.round((event.clientX - drag.x) / (width / COLUMNS));
      const dy = Math.round((event.clientY - drag.y) / ROW);
      const before = panels.find((each) => each.id === panel.id)!;
      setDrag({ ...drag, panels: to(before, how, dx, dy) });
    },
    onPointerUp: () => {
      if (drag && drag.panels !== panels) onArrange(drag.panels);
      setDrag(undefined);
    },
    onPointerCancel: () => setDrag(undefined),
    onKeyDown: (event: KeyboardEvent) => {
      const by = KEYS[event.key];
      if (!by) return;
      event.preventDefault();
      // A row up or down is no use where others are higher: go by the height of the panel.
      onArrange(
        to(panel, how, by[0], how === "move" && by[1] !== 0 ? by[1] * Math.max(1, Math.ceil(panel.h / 2)) : by[1]),
      );
    },
  });

  const reading = [...shown].sort((one, other) => one.y - other.y || one.x - other.x);
  return (
    <div className={classes.grid} ref={grid}>
      {reading.map((panel) => {
        const name = panel.title || `the ${panel.kind} panel`;
        return (
          <section
            key={panel.id}
            className={classes.panel}
            data-kind={panel.kind}
            data-editing={editing || undefined}
            data-moving={drag?.id === panel.id || undefined}
            aria-label={name}
            style={{
              gridColumn: `${panel.x + 1} / span ${panel.w}`,
              gridRow: `${panel.y + 1} / span ${panel.h}`,
              minHeight: panel.h * ROW - 8,
            }}
          >
            {(panel.title || editing) && (
              <header className={classes.head}>
                {editing && (
                  <button
                    type="button"
                    className={classes.move}
                    aria-label={`Move ${name}: arrow keys`}
                    title="Drag, or arrow keys"
                    {...grip(panel, "move")}
                  >
                    <IconArrowsMove size={15} stroke={1.7} aria-hidden />
                  </button>
                )}
                <h2 className="cut">{panel.title}</h2>
                {panel.description && <About title={name} about={panel.description} />}
                {editing && (
                  <>
                    <ActionIcon
                      size={24}
                      aria-label={`Write ${name}`}
                      title="Write what it asks"
                      onClick={() => onWrite(panel.id)}
                    >
                      <IconPencil size={15} stroke={1.7} />
                    </ActionIcon>
                    <ActionIcon
                      size={24}
                      aria-label={`Remove ${name}`}
                      title="Remove"
                      onClick={() => onRemove(panel.id)}
                    >
                      <IconTrash size={15} stroke={1.7} />
                    </ActionIcon>
                  </>
                )}
              </header>
            )}
            <PanelView panel={panel} view={view} />
            {editing && (
              <button
                type="button"
                className={classes.resize}
                aria-label={`Resize ${name}: arrow keys`}
                title="Drag, or arrow keys"
                {...grip(panel, "size")}
              >
                <svg width={10} height={10} aria-hidden="true">
                  <path d="M9 1v8H1" fill="none" stroke="currentColor" strokeWidth={1.6} />
                </svg>
              </button>
            )}
          </section>
        );
      })}
    </div>
  );
}
