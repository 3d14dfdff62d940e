/** Failures as issues: what detectors saw, grouped, with who is hit, who looks after it and the way to the runs. */

import { Badge, Button, SegmentedControl, Select } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconChevronRight, IconMoonStars } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { type RefObject, useEffect, useRef } from "react";
import { issuesListQuery } from "@/api/findings";
import { LIVE_MS } from "@/api/pace";
import { decideIssue, findingsQuery } from "@/api/queries";
import type { Issue } from "@/api/types";
import { PageHeader } from "@/layout/PageHeader";
import { compact, count, plural } from "@/lib/format";
import { ISSUE_ORDERS, ISSUE_VIEWS, type IssuesSearch, type IssueView, issueName } from "@/lib/issues";
import { Said } from "@/ui/Said";
import { SearchField } from "@/ui/SearchField";
import { Empty, ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";
import { useTitle } from "@/ui/useTitle";
import { Choices, narrowed } from "./Choices";
import { DECISIONS } from "./decisions";
import classes from "./IssuesPage.module.css";
import { IssueTabs } from "./IssueTabs";
import { Seen } from "./Seen";

const route = getRouteApi("/issues");

export function IssuesPage() {
  useTitle("Issues");
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const view = search.state ?? "active";
  const query = useInfiniteQuery({
    ...issuesListQuery(search),
    // Somebody who went far back reads; all pages would be asked for again.
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > 2 ? false : LIVE_MS),
  });
  const issues = query.data?.pages.flatMap((page) => page.issues);
  const set = (change: Partial<IssuesSearch>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const narrow = useMediaQuery("(max-width: 760px)", undefined, { getInitialValueInEffect: false });
  // A link to an issue shows it, however far down it stands.
  const shown = useRef<HTMLLIElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once the rows are there
  useEffect(() => shown.current?.scrollIntoView({ block: "nearest" }), [query.isPending]);
  return (
    <div className={classes.page}>
      <PageHeader
        title="Issues"
        note={
          issues &&
          (narrow
            ? `${count(issues.length)}${query.hasNextPage ? "+" : ""}`
            : plural(issues.length, "issue") + (query.hasNextPage ? " and more" : ""))
        }
      >
        <SegmentedControl
          size="xs"
          aria-label="Which issues"
          value={view}
          onChange={(state) =>
            void navigate({ search: { ...search, state: state === "active" ? undefined : (state as IssueView) } })
          }
          data={ISSUE_VIEWS.map(([value, label]) => ({ value, label }))}
        />
      </PageHeader>
      <IssueTabs active="issues" />
      <Choices search={search} onChange={set}>
        <Select
          size="xs"
          aria-label="Order"
          allowDeselect={false}
          data={ISSUE_ORDERS.map(([value, label]) => ({ value, label }))}
          value={search.order ?? ISSUE_ORDERS[0][0]}
          onChange={(order) => set({ order: order === ISSUE_ORDERS[0][0] ? undefined : (order ?? undefined) })}
        />
        <SearchField
          size="xs"
          className={classes.search}
          label="Search issues"
          placeholder="Search what they are called and say"
          q={search.q}
          onSearch={(q) => set({ q })}
        />
      </Choices>
      {query.isPending ? (
        <SkeletonRows rows={8} height={64} />
      ) : query.isError && !issues ? (
        <ErrorState error={query.error} what="the issues" onRetry={() => void query.refetch()} />
      ) : issues?.length === 0 ? (
        <Nothing view={view} narrowed={!!search.q || narrowed(search)} />
      ) : (
        <div className={classes.list}>
          <div className={classes.names} aria-hidden>
            <span>Issue</span>
            <span>Seen</span>
            <span>Runs</span>
            <span>Users</span>
            <span>Last</span>
          </div>
          <ul className={classes.rows}>
            {issues?.map((issue) => (
              <Row
                key={issue.fingerprint}
                issue={issue}
                place={search.issue === issue.fingerprint ? shown : undefined}
                open={search.issue === issue.fingerprint}
                onOpen={(open) =>
                  void navigate({ search: { ...search, issue: open ? issue.fingerprint : undefined }, replace: true })
                }
              />
            ))}
          </ul>
          {query.hasNextPage && (
            <div className={classes.more}>
              <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                More issues
              </Button>
            </div>
          )}
        </div>
      )}
    </div>
  );
}

function Nothing({ view, narrowed }: { view: IssueView; narrowed: boolean }) {
  if (narrowed)
    return (
      <Empty title="No such issue">
        None of this group is by this detector, as grave, of this agent or has this text.
      </Empty>
    );
  return (
    <Empty
      icon={<IconMoonStars size={26} stroke={1.4} aria-hidden />}
      title={view === "active" ? "Nothing needs you" : "No such issue"}
      action={<Link to="/runs">Look at the runs</Link>}
    >
      {view === "active"
        ? "Every run that settles is looked at by detectors: loops, retries, ignored results, unusual tools, refusals, drift. What they see is gathered here, one entry for each failure."
        : "Issues come here when somebody decides so."}
    </Empty>
  );
}

interface RowProps {
  issue: Issue;
  place: RefObject<HTMLLIElement | null> | undefined;
  open: boolean;
  onOpen: (open: boolean) => void;
}

function Row({ issue, place, open, onOpen }: RowProps) {
  return (
    <li ref={place} className={classes.issue} data-severity={issue.severity} data-open={open || undefined}>
      <div className={classes.top}>
        <button type="button" className={classes.toggle} aria-expanded={open} onClick={() => onOpen(!open)}>
          <IconChevronRight size={15} stroke={1.8} aria-hidden data-open={open || undefined} />
          <span className={classes.title}>
            <strong>
              {issueName(issue)}
              {issue.state === "regressed" && <em title="It was resolved, and came back">came back</em>}
            </strong>
            <span className={classes.message}>
              <Said text={issue.message} />
            </span>
          </span>
        </button>
        <dl className={classes.facts}>
          <Fact name="Seen" value={`${compact(issue.count)}×`} />
          <Fact name="Runs" value={compact(issue.runs)} />
          <Fact name="Users" value={compact(issue.users)} />
          <div>
            <dt>Last</dt>
            <dd>
              <Ago at={issue.last_seen} />
            </dd>
          </div>
        </dl>
      </div>
      {open && <Detail issue={issue} />}
    </li>
  );
}

const Fact = ({ name, value }: { name: string; value: string }) => (
  <div>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
);

function Detail({ issue }: { issue: Issue }) {
  const client = useQueryClient();
  const findings = useQuery(findingsQuery({ fingerprint: issue.fingerprint }));
  const decide = useMutation({
    mutationFn: (state: string) => decideIssue(issue.fingerprint, state),
    onSuccess: () => client.invalidateQueries({ queryKey: ["issues"] }),
  });
  const active = issue.state === "open" || issue.state === "regressed";
  return (
    <div className={classes.detail}>
      <p className={classes.line}>
        <Badge component="span" size="sm" variant="default" className={classes.badge}>
          {issue.state}
        </Badge>
        {/* The colour at its edge, as a word. */}
        <span>{issue.severity}</span>
        <span>
          first seen <Ago at={issue.first_seen} />
        </span>
        {issue.environment && <span>in {issue.environment}</span>}
        {issue.versions.length > 0 && <span>versions {issue.versions.join(", ")}</span>}
        {issue.owner && <span>looked after by {issue.owner}</span>}
        <span className={classes.decisions}>
          <Button
            renderRoot={(props) => (
              <Link to="/incidents/$fingerprint" params={{ fingerprint: issue.fingerprint }} {...props} />
            )}
          >
            Incident
          </Button>
          {DECISIONS.filter(([state]) => (state === "open" ? !active : state !== issue.state)).map(([state, name]) => (
            <Button key={state} variant="default" loading={decide.isPending} onClick={() => decide.mutate(state)}>
              {name}
            </Button>
          ))}
        </span>
      </p>
      {decide.isError && (
        <p role="alert" className={classes.error}>
          {decide.error.message}
        </p>
      )}
      {findings.isPending ? (
        <SkeletonRows rows={3} />
      ) : findings.isError ? (
        <ErrorState error={findings.error} what="the findings" onRetry={() => void findings.refetch()} />
      ) : (
        <ol className={classes.findings} aria-label="Findings, newest first">
          {findings.data.findings.map((finding) => (
            <Seen key={finding.id} finding={finding} />
          ))}
        </ol>
      )}
      {(findings.data?.next || issue.count > (findings.data?.findings.length ?? 0)) && findings.isSuccess && (
        <p className="faint">
          The newest {count(findings.data.findings.length)} of {count(issue.count)}.
        </p>
      )}
    </div>
  );
}
