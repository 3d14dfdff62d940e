/** What an alert is about, and where to go on from there: its runs, tools, money, agent and rule. */
import { Link } from "@tanstack/react-router";
import { about, labelName, runsOf } from "@/lib/alerts";
import { useEverywhere } from "@/ui/useEverywhere";
import page from "./Alert.module.css";
import classes from "./Alerts.module.css";

/** Runs and tools are looked at from so long before the condition held. */
const LEAD_MS = 3_600_000;

interface Props {
  /** Of its rule. */
  name: string;
  labels: Record<string, string>;
  /** Since when its condition held. */
  since: string;
}

export function About({ name, labels, since }: Props) {
  const everywhere = useEverywhere();
  const named = about(labels);
  const runs = runsOf(labels);
  // From before it held, so that one sees since when a tool is slow.
  const from = new Date(Date.parse(since) - LEAD_MS).toISOString();
  return (
    <section className={page.panel} aria-label="What it is about">
      <header className={page.panelHead}>
        <h2>About</h2>
      </header>
      {named.length === 0 && <p className="muted">The whole project.</p>}
      <dl className={page.labels}>
        {named.map(([label, value]) => (
          <div key={label}>
            <dt>{labelName(label)}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p className={classes.links}>
        <Link to="/runs" search={{ ...runs, from }}>
          Its runs
        </Link>
        <Link
          to="/tools"
          search={{
            from,
            ...(runs.agent ? { agent: runs.agent } : {}),
            ...(runs.tool ? { tool: runs.tool } : {}),
          }}
        >
          {runs.tool ? "Its tool" : "Tools"}
        </Link>
        <Link to="/costs" search={{ by: "user", ...(runs.agent ? { agent: runs.agent } : {}) }}>
          Who spends it
        </Link>
        {runs.agent?.[0] && (
          <Link to="/agents/agent" search={{ name: runs.agent[0] }}>
            Its agent
          </Link>
        )}
        {everywhere && (
          <Link to="/alerts" search={{ view: "rules", rule: name, q: name }}>
            Its rule
          </Link>
        )}
      </p>
    </section>
  );
}
