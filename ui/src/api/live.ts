/** Runs as they change: one event stream for the whole page, opened while somebody listens. */
import { useEffect, useRef, useSyncExternalStore } from "react";
import { EventReader } from "@/lib/events";
import { fetchWatched } from "./client";
import { connection } from "./connection";
import type { Run } from "./types";

type Listener = (run: Run) => void;

/** `off`: nobody listens. `waiting`: not connected (yet, or again). */
export type LiveState = "off" | "waiting" | "open";

/** Time until a stream that ended is opened again. */
const AGAIN_MS = 3000;

class Live {
  private listeners = new Set<Listener>();
  private watchers = new Set<() => void>();
  private stream: AbortController | undefined;
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
    if (this.stream) return;
    clearTimeout(this.retry);
    const stream = new AbortController();
    this.stream = stream;
    this.set("waiting");
    void this.follow(stream.signal)
      .catch(() => undefined)
      .then(() => {
        if (stream.signal.aborted) return;
        this.stream = undefined;
        this.set("waiting");
        this.retry = setTimeout(() => this.open(), AGAIN_MS);
        void connection.probe();
      });
  }

  /** Reads the stream to its end. It is no EventSource, which cannot say which project it is about. */
  private async follow(signal: AbortSignal) {
    const response = await fetchWatched(
      new Request("/api/v1/live", { headers: { accept: "text/event-stream" }, cache: "no-store", signal }),
    );
    if (!response.ok || !response.body) return;
    this.set("open");
    const events = new EventReader();
    const texts = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await texts.read();
      if (done) return;
      for (const { name, data } of events.take(value)) if (name === "run") this.tell(data);
    }
  }

  private tell(data: string) {
    let run: Run;
    try {
      run = JSON.parse(data) as Run;
    } catch {
      return;
    }
    for (const listener of this.listeners) listener(run);
  }

  private close() {
    clearTimeout(this.retry);
    this.stream?.abort();
    this.stream = undefined;
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
