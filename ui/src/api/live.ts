/** Runs as they change: one event stream for the whole page, opened while somebody listens. */
import { useEffect, useRef, useSyncExternalStore } from "react";
import { connection } from "./connection";
import { inProject } from "./project";
import type { Run } from "./types";

type Listener = (run: Run) => void;

/** `off`: nobody listens. `waiting`: not connected (yet, or again). */
export type LiveState = "off" | "waiting" | "open";

class Live {
  private listeners = new Set<Listener>();
  private watchers = new Set<() => void>();
  private source: EventSource | undefined;
  private state: LiveState = "off";
  private retry: ReturnType<typeof setTimeout> | undefined;

  listen(listener: Listener) {
    this.listeners.add(listener);
    this.open();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.close();
    };
  }

  readonly subscribe = (watcher: () => void) => {
    this.watchers.add(watcher);
    return () => {
      this.watchers.delete(watcher);
    };
  };
  readonly get = () => this.state;

  private open() {
    if (this.source) return;
    clearTimeout(this.retry);
    const source = new EventSource(inProject("/api/v1/live"));
    this.source = source;
    this.set("waiting");
    source.addEventListener("open", () => {
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

/** Calls `listener` for every run that changes while `on`. */
export function useLiveRuns(on: boolean, listener: Listener) {
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => (on ? live.listen((run) => latest.current(run)) : undefined), [on]);
}
