/** What happened to an alert, newest first. */
import type { AlertEvent } from "@/api/types";
import page from "./Alert.module.css";
import { EventList } from "./History";

/** Events that are shown. */
const EVENTS = 12;

export function Past({ events }: { events: AlertEvent[] }) {
  if (events.length === 0) return null;
  return (
    <section className={page.panel} aria-label="What happened to it">
      <header className={page.panelHead}>
        <h2>What happened to it</h2>
      </header>
      <EventList events={events.slice(0, EVENTS)} bare />
    </section>
  );
}
