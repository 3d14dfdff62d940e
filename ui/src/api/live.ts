/** Runs as they change: one event stream for the whole page, opened while somebody listens. */
import { useEffect, useRef, useSyncExternalStore } from "react";
import { connection } from "./connection";
import { inProject } from "./project";
import type { Run } from "./types";

type Listener = (run: Run) => void;

/** `off`: nobody listens. `waiting`: not connected (yet, or again). */
export type LiveState = "off" | "waiting" | "open";

/** Out of sight, a page keeps its stream for so long. A browser opens few connections to a server, for all pages together. */
const HIDDEN_MS = 30_000;

/** The stream outlives its last listener by so much: who goes from page to page keeps it, and what comes meanwhile is not missed. */
const LINGER_MS = 2000;

class Live {
  private listeners = new Set<Listener>();
  private watchers = new Set<() => void>();
  private source: EventSource | undefined;
  private state: LiveState = "off";
  private retry: ReturnType<typeof setTimeout> | undefined;
  private lingering: ReturnType<typeof setTimeout> | undefined;
  private openings = 0;
  private hidden: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    document.addEventListener("visibilitychange", () => {
      clearTimeout(this.hidden);
      if (document.visibilityState === "hidden") this.hidden = setTimeout(() => this.close(), HIDDEN_MS);
      else if (this.listeners.size > 0) this.open();
    });
  }

  listen(listener: Listener) {
    this.listeners.add(listener);
    clearTimeout(this.lingering);
    this.open();
    return () => {
      this.listeners.delete(listener);
      clearTimeout(this.lingering);
      if (this.listeners.size === 0) this.lingering = setTimeout(() => this.close(), LINGER_MS);
    };
  }

  readonly subscribe = (watcher: () => void) => {
    this.watchers.add(watcher);
    return () => {
      this.watchers.delete(watcher);
    };
  };
  readonly get = () => this.state;
  readonly timesOpened = () => this.openings;

  private open() {
    if (this.source) return;
    clearTimeout(this.retry);
    const source = new EventSource(inProject("/api/v1/live"));
    this.source = source;
    this.set("waiting");
    source.addEventListener("open", () => {
      this.openings += 1;
      this.set("open");
      connection.answered();
    });
    source.addEventListener("run", (event) => {
      let run: Run;
      try {
        run = JSON.parse((event as MessageEvent<string>).data) as Run;
      } catch {
        return;
      }
      for (const listener of this.listeners) listener(run);
    });
    source.addEventListener("error", () => {
      this.set("waiting");
      // The browser tries again by itself, except after an answer that was no stream.
      if (source.readyState === EventSource.CLOSED) {
        this.source = undefined;
        if (this.listeners.size > 0) this.retry = setTimeout(() => this.open(), 3000);
      }
      void connection.probe();
    });
  }

  private close() {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = undefined;
    this.set("off");
  }

  private set(state: LiveState) {
    if (this.state === state) return;
    this.state = state;
    for (const watcher of this.watchers) watcher();
  }
}

const live = new Live();

export const useLiveState = () => useSyncExternalStore(live.subscribe, live.get);

/** How often the stream was opened since the page was loaded: with each time, changes before it may have been missed. */
export const useLiveOpenings = () => useSyncExternalStore(live.subscribe, live.timesOpened);

/** Calls `listener` for every run that changes while `on`. */
export function useLiveRuns(on: boolean, listener: Listener) {
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => (on ? live.listen((run) => latest.current(run)) : undefined), [on]);
}
