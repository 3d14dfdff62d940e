/** What changed just before: told by a pipeline, or seen in telemetry, the agent's own first. */
import { getRouteApi, Link } from "@tanstack/react-router";
import type { Change, Incident } from "@/api/types";
import { absolute, duration, plural, shortId } from "@/lib/format";
import classes from "./Incident.module.css";

const route = getRouteApi("/incidents/$fingerprint");

const KINDS: Record<string, string> = {
  deploy: "deployed",
  model: "model",
  prompt: "prompt",
  tool_schema: "tools",
  index_version: "index",
  config: "setting",
};

/** Changes that are read at once; the agent's own and the nearest come first. */
const LEAST = 8;

export function Changes({ incident: { changes, onset, issue } }: { incident: Incident }) {
  const { all = false } = route.useSearch();
  const navigate = route.useNavigate();
  const shown = all || changes.length <= LEAST + 1 ? changes : changes.slice(0, LEAST);
  return (
    <section className={classes.panel} aria-label="What changed just before">
      <h2>What changed just before</h2>
      {changes.length === 0 ? (
        <p className="muted">
          Nothing is known to have changed in the 24 hours before. New versions, models, prompts and tools of an agent
          are seen by themselves; let your pipeline tell of deployments with{" "}
          <code className="mono">POST /api/v1/changes</code>.
        </p>
      ) : (
        <>
          <ol className={classes.changes}>
            {shown.map((change) => (
              <Row key={change.id} change={change} onset={onset} agent={issue.agent} />
            ))}
          </ol>
          {changes.length > LEAST + 1 && (
            <button
              type="button"
              className={classes.more}
              aria-expanded={all}
              onClick={() => void navigate({ search: all ? {} : { all: true }, replace: true, resetScroll: false })}
            >
              {all
                ? "Only the nearest"
                : `${plural(changes.length - shown.length, "change")} more, earlier or of others`}
            </button>
          )}
        </>
      )}
    </section>
  );
}

function Row({ change, onset, agent }: { change: Change; onset: string; agent: string }) {
  const before = Date.parse(onset) - Date.parse(change.at);
  return (
    <li>
      <time dateTime={change.at} title={absolute(change.at)} className="num">
        {before < 1000 ? "with it" : `${duration(before)} before`}
      </time>
      <span className={classes.changeKind}>{KINDS[change.kind] ?? change.kind}</span>
      <span className={classes.changeWords}>
        {change.title}
        {/* What was seen in telemetry names both in its title; what was told may not. */}
        {change.previous && change.version && !change.title.includes(change.previous) && (
          <span className="muted">
            {" "}
            <code className="mono">{shortId(change.previous)}</code> →{" "}
            <code className="mono">{shortId(change.version)}</code>
          </span>
        )}
        {change.agent && change.agent !== agent && <span className="faint"> {change.agent}</span>}
      </span>
      <span className={classes.changeLink}>
        {change.url ? (
          <a href={change.url} target="_blank" rel="noreferrer">
            read more
          </a>
        ) : change.trace_id ? (
          <Link to="/runs/$traceId" params={{ traceId: change.trace_id }}>
            first run
          </Link>
        ) : (
          <span className="faint">{change.by ? `told by ${change.by}` : "seen"}</span>
        )}
      </span>
    </li>
  );
}
