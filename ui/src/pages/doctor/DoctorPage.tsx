/** What is wrong with the instrumentation of what arrived, and which line to change. */
import { Badge, Button } from "@mantine/core";
import { IconStethoscope, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { doctorQuery } from "@/api/queries";
import type { DoctorAnswer, DoctorFinding } from "@/api/types";
import { PageHeader } from "@/layout/PageHeader";
import { bySeverity, library, quantity } from "@/lib/doctor";
import { plural } from "@/lib/format";
import { CopyButton } from "@/ui/CopyButton";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { TimeRange } from "@/ui/TimeRange";
import { useTitle } from "@/ui/useTitle";
import classes from "./DoctorPage.module.css";

const route = getRouteApi("/doctor");
const DEFAULT_FROM = "1h";

export function DoctorPage() {
  useTitle("Doctor");
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const from = search.from ?? DEFAULT_FROM;
  const query = useQuery({ ...doctorQuery(from, { service: search.of }), refetchInterval: 10_000 });
  const answer = query.data;
  return (
    <div className={classes.page}>
      <PageHeader title="Doctor" note={search.of ? undefined : "Is the instrumentation right?"}>
        {search.of && (
          <Button
            variant="default"
            aria-label={`Only ${search.of}: show every service`}
            rightSection={<IconX size={14} stroke={1.8} aria-hidden />}
            onClick={() => void navigate({ search: ({ of: _, ...rest }) => rest })}
          >
            {search.of}
          </Button>
        )}
        <TimeRange
          from={from}
          bounded
          onChange={(start) =>
            void navigate({ search: (before) => ({ ...before, from: start === DEFAULT_FROM ? undefined : start }) })
          }
        />
      </PageHeader>
      {query.isPending ? (
        <SkeletonRows rows={6} height={90} />
      ) : answer ? (
        <Answer answer={answer} of={search.of} />
      ) : (
        <ErrorState error={query.error} what="the doctor's findings" onRetry={() => void query.refetch()} />
      )}
    </div>
  );
}

function Answer({ answer, of }: { answer: DoctorAnswer; of?: string }) {
  const { examined, findings } = answer;
  const services = new Set(examined.origins.map((origin) => origin.service ?? "")).size;
  return (
    <div className={classes.body}>
      {examined.spans > 0 && (
        <p className={classes.examined}>
          Looked at <strong className="tnum">{plural(examined.spans, "span")}</strong> of{" "}
          <strong className="tnum">{plural(services, "service")}</strong>, and at the trees of{" "}
          <strong className="tnum">{plural(examined.runs, "recent run")}</strong>.
        </p>
      )}
      {findings.length === 0 ? (
        <Nothing spans={examined.spans} of={of} />
      ) : (
        bySeverity(findings).map(([severity, words, group]) => (
          <section key={severity} className={classes.group} aria-label={words}>
            <h2 data-severity={severity}>
              {words} <span className="faint tnum">{group.length}</span>
            </h2>
            {group.map((finding) => (
              <Finding key={`${finding.id} ${JSON.stringify(finding.origin)}`} finding={finding} />
            ))}
          </section>
        ))
      )}
    </div>
  );
}

function Nothing({ spans, of }: { spans: number; of?: string }) {
  return (
    <Empty
      icon={<IconStethoscope size={26} stroke={1.4} aria-hidden />}
      title={
        spans > 0
          ? `Nothing is wrong with the instrumentation${of ? ` of ${of}` : ""}`
          : `No span ${of ? `of ${of} ` : ""}arrived in this time`
      }
      action={<Link to="/connect">How to send traces</Link>}
    >
      {spans > 0
        ? "Every model call names its model and its tokens, every tree is whole, clocks agree. When something changes, it shows here with the line to change."
        : "The doctor looks at what arrives: missing tokens, models, agents and content, broken trees, clocks that disagree, calls that are told twice."}
    </Empty>
  );
}

function Finding({ finding }: { finding: DoctorFinding }) {
  const { origin, example, remedy } = finding;
  return (
    <article className={classes.finding} data-severity={finding.severity}>
      <header>
        <h3>{finding.title}</h3>
        <span className={classes.quantity}>{quantity(finding)}</span>
      </header>
      {(origin.service || library(origin)) && (
        <p className={classes.origin}>
          {origin.service && (
            <Link to="/runs" search={{ service: [origin.service], from: "all" }}>
              {origin.service}
            </Link>
          )}
          {library(origin) && (
            <Badge size="sm" variant="default" className={classes.library}>
              {library(origin)}
            </Badge>
          )}
        </p>
      )}
      <div className={classes.words}>
        <div>
          <p>{finding.why}</p>
          {finding.details.length > 0 && (
            <ul className={classes.details}>
              {finding.details.map((detail) => (
                <li key={detail}>{detail}</li>
              ))}
            </ul>
          )}
          {example && (
            <Link
              className={classes.example}
              to="/runs/$traceId"
              params={{ traceId: example.trace_id }}
              search={example.span_id ? { step: example.span_id } : {}}
            >
              See an example
            </Link>
          )}
        </div>
        {remedy && (
          <div className={classes.remedy}>
            <p>{remedy.text}</p>
            {remedy.line && (
              <div className={classes.line}>
                <code>{remedy.line}</code>
                <CopyButton text={remedy.line} label="Copy the line" />
              </div>
            )}
          </div>
        )}
      </div>
    </article>
  );
}
