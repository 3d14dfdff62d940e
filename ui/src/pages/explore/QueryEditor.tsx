/** One query: a field that grows, offers what fits at the caret, and runs with Enter. */
import { ActionIcon, Tooltip } from "@mantine/core";
import { IconPlayerPlay, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "react";
import { api, must } from "@/api/client";
import { labelsQuery, labelValuesQuery, metricsQuery } from "@/api/promql";
import { type Offer, type Place, placeAt, RANGES, ranked, written } from "@/lib/complete";
import classes from "./Explore.module.css";

interface Props {
  name: string;
  query: string;
  onRun: (text: string) => void;
  onRemove?: (() => void) | undefined;
}

const wordsQuery = {
  queryKey: ["promql-words"],
  queryFn: ({ signal }: { signal: AbortSignal }) => must(api.GET("/api/v1/promql/words", { signal })),
  staleTime: Number.POSITIVE_INFINITY,
};

const KEYWORDS: Offer[] = [
  "by",
  "without",
  "and",
  "or",
  "unless",
  "on",
  "ignoring",
  "group_left",
  "offset",
  "bool",
].map((word) => ({ insert: `${word} `, label: word, about: "keyword" }));

/** What is offered at a place. */
function useOffers(place: Place | undefined): Offer[] {
  const word = place?.kind === "word";
  const metrics = useQuery({ ...metricsQuery, enabled: word }).data;
  const words = useQuery({ ...wordsQuery, enabled: word }).data;
  const labels = useQuery({
    ...labelsQuery(place?.kind === "label" ? place.selector : ""),
    enabled: place?.kind === "label",
  }).data;
  const values = useQuery({
    ...labelValuesQuery(place?.kind === "value" ? place.label : "", place?.kind === "value" ? place.selector : ""),
    enabled: place?.kind === "value",
  }).data;
  switch (place?.kind) {
    case "word": {
      if (place.prefix === "") return [];
      const call = (kind: string) => (each: { name: string; signature: string }) => ({
        insert: `${each.name}()`,
        label: each.name,
        about: `${kind} · ${each.signature}`,
        back: 1,
      });
      return ranked(
        [
          ...(words?.aggregations ?? []).map(call("aggregation")),
          ...(words?.functions ?? []).map(call("function")),
          ...(metrics ?? []).map((each) => ({
            insert: each.name,
            label: each.name,
            about: [each.type || "series", each.help].filter(Boolean).join(" · "),
          })),
          ...KEYWORDS,
        ],
        place.prefix,
      );
    }
    case "label":
      return ranked(
        (labels ?? [])
          .filter((label) => label !== "__name__")
          .map((label) => ({ insert: label, label, about: "label" })),
        place.prefix,
      );
    case "value":
      return ranked(
        (values ?? []).map((value) => ({
          insert: value.replaceAll("\\", "\\\\").replaceAll('"', '\\"'),
          label: value,
          about: place.label,
        })),
        place.prefix,
      );
    case "range":
      return ranked(
        RANGES.map((range) => ({ insert: range, label: range, about: "range" })),
        place.prefix,
      );
    default:
      return [];
  }
}

export function QueryEditor({ name, query, onRun, onRemove }: Props) {
  const [text, setText] = useState(query);
  const [caret, setCaret] = useState(query.length);
  /** The list is shown once somebody writes, and goes when it is put away. */
  const [asking, setAsking] = useState(false);
  const [chosen, setChosen] = useState(0);
  const field = useRef<HTMLTextAreaElement>(null);
  const list = useRef<HTMLDivElement>(null);
  /** Where the caret goes after an offer was taken. */
  const moved = useRef<number | undefined>(undefined);
  const id = useId();
  useEffect(() => setText(query), [query]);

  const place = asking ? placeAt(text, caret) : undefined;
  const offers = useOffers(place);
  const shown = place !== undefined && offers.length > 0;
  const at = Math.min(chosen, offers.length - 1);

  const take = (offer: Offer | undefined) => {
    if (!place || !offer) return;
    const next = written(text, caret, place, offer);
    setText(next.text);
    setCaret(next.caret);
    setAsking(false);
    moved.current = next.caret;
  };
  // At once, not with the next frame: who writes on meanwhile would have it put elsewhere.
  useLayoutEffect(() => {
    const to = moved.current;
    if (to === undefined) return;
    moved.current = undefined;
    field.current?.focus();
    field.current?.setSelectionRange(to, to);
  });
  const run = () => {
    setAsking(false);
    onRun(text);
  };
  const choose = (to: number) => {
    setChosen(to);
    list.current?.children[to]?.scrollIntoView({ block: "nearest" });
  };

  return (
    <div className={classes.query}>
      <span className={classes.letter} aria-hidden>
        {name}
      </span>
      <div className={classes.field}>
        <textarea
          ref={field}
          className={classes.editor}
          aria-label={`Query ${name}`}
          placeholder="sum by (agent_id) (rate(agent_requests_total[5m]))"
          aria-controls={shown ? `${id}-offers` : undefined}
          aria-autocomplete="list"
          aria-activedescendant={shown ? `${id}-${at}` : undefined}
          rows={1}
          spellCheck={false}
          autoCapitalize="off"
          autoCorrect="off"
          value={text}
          onChange={(event) => {
            setText(event.currentTarget.value);
            setCaret(event.currentTarget.selectionStart);
            setAsking(true);
            setChosen(0);
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
          onBlur={() => setAsking(false)}
          onKeyDown={(event) => {
            if (event.key === " " && event.ctrlKey) {
              event.preventDefault();
              setAsking(true);
            } else if (shown && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
              event.preventDefault();
              choose((at + (event.key === "ArrowDown" ? 1 : offers.length - 1)) % offers.length);
            } else if (shown && event.key === "Tab") {
              event.preventDefault();
              take(offers[at]);
            } else if (shown && event.key === "Enter" && !event.shiftKey && !event.ctrlKey && chosen > 0) {
              event.preventDefault();
              take(offers[at]);
            } else if (event.key === "Enter" && !event.shiftKey) {
              event.preventDefault();
              run();
            } else if (event.key === "Escape") {
              if (shown) setAsking(false);
              else field.current?.blur();
            }
          }}
        />
        {shown && (
          <div ref={list} id={`${id}-offers`} className={classes.offers} role="listbox" aria-label="What fits">
            {offers.map((offer, place) => (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the keyboard, and moves through the list
              <div
                key={`${offer.label} ${offer.about}`}
                id={`${id}-${place}`}
                role="option"
                aria-selected={place === at}
                onMouseDown={(event) => event.preventDefault()}
                onClick={() => take(offer)}
              >
                <span className="mono cut">{offer.label}</span>
                <span className="faint cut">{offer.about}</span>
              </div>
            ))}
          </div>
        )}
      </div>
      <Tooltip label="Run (Enter)">
        <ActionIcon aria-label={`Run query ${name}`} variant="filled" color="tawny" onClick={run}>
          <IconPlayerPlay size={15} stroke={2} />
        </ActionIcon>
      </Tooltip>
      {onRemove && (
        <ActionIcon aria-label={`Remove query ${name}`} title="Remove" onClick={onRemove}>
          <IconX size={15} stroke={1.8} />
        </ActionIcon>
      )}
    </div>
  );
}
