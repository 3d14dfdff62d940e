/** What changed between two versions of an agent: its prompt, its tools and its model, as each was sent to a model. */
import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { type Make, makeQuery } from "@/api/fleet";
import { pieces } from "@/lib/compare";
import type { Version } from "@/lib/fleet";
import { BoardPanel } from "@/ui/Board";
import { ErrorState, SkeletonRows } from "@/ui/States";
import classes from "./Graph.module.css";

interface Props {
  agent: string;
  newer: Version;
  older: Version;
  others: Version[];
  onAgainst: (version: string) => void;
}

export function Changes({ agent, newer, older, others, onAgainst }: Props) {
  const now = useQuery(makeQuery(newer.example, agent));
  const before = useQuery(makeQuery(older.example, agent));
  const error = now.error ?? before.error;
  return (
    <BoardPanel
      title={`What changed in ${newer.version || "this version"}`}
      about="Read from the first model call of the agent in the latest run of each version."
      tools={
        <Select
          size="xs"
          w={170}
          aria-label="Against which version"
          allowDeselect={false}
          value={older.version}
          onChange={(version) => version !== null && onAgainst(version)}
          data={others
            .filter((each) => each !== newer)
            .map((each) => ({ value: each.version, label: `against ${each.version || "not named"}` }))}
        />
      }
    >
      {error ? (
        <ErrorState
          error={error}
          what="the two versions"
          onRetry={() => {
            for (const each of [now, before]) if (each.isError) void each.refetch();
          }}
        />
      ) : now.data && before.data ? (
        <Shown now={now.data} before={before.data} />
      ) : (
        <SkeletonRows rows={6} />
      )}
    </BoardPanel>
  );
}

function Shown({ now, before }: { now: Make; before: Make }) {
  const [old, fresh] = useMemo(() => pieces(before.prompt ?? "", now.prompt ?? ""), [before, now]);
  const tool = (make: Make, name: string) => make.tools.find((each) => each.name === name);
  const added = now.tools.filter((each) => !tool(before, each.name)).map((each) => each.name);
  const gone = before.tools.filter((each) => !tool(now, each.name)).map((each) => each.name);
  const other = now.tools.filter((each) => (tool(before, each.name)?.text ?? each.text) !== each.text);
  const samePrompt = now.prompt === before.prompt;
  const tools = [
    added.length > 0 && `new: ${added.join(", ")}`,
    gone.length > 0 && `gone: ${gone.join(", ")}`,
    other.length > 0 && `described otherwise: ${other.map((each) => each.name).join(", ")}`,
  ].filter(Boolean);
  return (
    <>
      <dl className={classes.changes}>
        <dt>Model</dt>
        <dd data-tone={now.model === before.model ? undefined : "warn"}>
          {now.model === before.model
            ? `the same, ${now.model ?? "not named"}`
            : `${before.model ?? "not named"} → ${now.model ?? "not named"}`}
        </dd>
        <dt>Tools</dt>
        <dd data-tone={tools.length > 0 ? "warn" : undefined}>
          {now.tools.length === 0 && before.tools.length === 0
            ? "none were told"
            : tools.length > 0
              ? tools.join("; ")
              : `the same ${now.tools.length}`}
        </dd>
        <dt>Prompt</dt>
        <dd data-tone={samePrompt ? undefined : "warn"}>
          {now.prompt === undefined && before.prompt === undefined
            ? "no instructions were told; content may not be sent, or not be kept"
            : samePrompt
              ? "the same"
              : "changed"}
        </dd>
      </dl>
      {!samePrompt && (
        <div className={classes.versions}>
          <Prompt name="Before" of={before} said={old} />
          <Prompt name="Now" of={now} said={fresh} />
        </div>
      )}
      {other.map((each) => (
        <Schema key={each.name} name={each.name} before={tool(before, each.name)?.text ?? ""} now={each.text} />
      ))}
    </>
  );
}

function Prompt({ name, of, said }: { name: string; of: Make; said: { text: string; differs: boolean }[] }) {
  return (
    <figure style={{ margin: 0, minWidth: 0 }}>
      <figcaption className="muted" style={{ display: "flex", justifyContent: "space-between", lineHeight: "24px" }}>
        {name}
        {of.spanId && (
          <Link to="/runs/$traceId" params={{ traceId: of.traceId }} search={{ step: of.spanId }}>
            in its run
          </Link>
        )}
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by the keyboard */}
      <pre tabIndex={0}>
        {said.map((piece, at) =>
          piece.differs ? <mark key={at}>{piece.text}</mark> : <span key={at}>{piece.text}</span>,
        )}
      </pre>
    </figure>
  );
}

function Schema({ name, before, now }: { name: string; before: string; now: string }) {
  const [old, fresh] = useMemo(() => pieces(before, now), [before, now]);
  return (
    <details style={{ marginTop: 10 }}>
      <summary>{name}: how it was described, and is</summary>
      <div className={classes.versions}>
        {[old, fresh].map((side, at) => (
          <pre key={at}>
            {side.map((piece, place) =>
              piece.differs ? <mark key={place}>{piece.text}</mark> : <span key={place}>{piece.text}</span>,
            )}
          </pre>
        ))}
      </div>
    </details>
  );
}
