/** The brake: hold the agent or the tool, hand over to people, or use the version before. One click, written to the audit log. */
import { Button } from "@mantine/core";
import { IconHandStop, IconHistory, IconUsers } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { brake, takeBrakeOff } from "@/api/incidents";
import { findingsQuery } from "@/api/queries";
import type { Incident, NewBrake } from "@/api/types";
import { brakeInWords } from "@/lib/brakes";
import { issueName, toolOf } from "@/lib/issues";
import { Ago } from "@/ui/Time";
import classes from "./Incident.module.css";

export function Brakes({ incident }: { incident: Incident }) {
  const { issue, brakes } = incident;
  const client = useQueryClient();
  const finding = useQuery(findingsQuery({ fingerprint: issue.fingerprint })).data?.findings[0];
  const tool = finding && toolOf(finding.evidence);
  const refresh = () =>
    Promise.all([
      client.invalidateQueries({ queryKey: ["incident", issue.fingerprint] }),
      client.invalidateQueries({ queryKey: ["brakes"] }),
    ]);
  const put = useMutation({ mutationFn: (what: NewBrake) => brake(what), onSuccess: refresh });
  const take = useMutation({ mutationFn: (id: string) => takeBrakeOff(id), onSuccess: refresh });
  const agent = issue.agent || undefined;
  const why = `${issueName(issue)}: ${issue.message}`.slice(0, 400);
  const of = {
    ...(agent ? { agent } : {}),
    ...(issue.environment ? { environment: issue.environment } : {}),
    why,
    issue: issue.fingerprint,
  };
  const free = (action: string) => !brakes.some((each) => each.action === action && !each.tool);
  const failure = put.error ?? take.error;
  return (
    <section className={classes.panel} aria-label="Brake">
      <h2>Brake</h2>
      {brakes.length > 0 && (
        <ul className={classes.brakes} aria-label="Brakes in force">
          {brakes.map((each) => (
            <li key={each.id}>
              <p>
                <strong>{brakeInWords(each)}</strong>
                <span className="muted">
                  by {each.by}, <Ago at={each.since} />
                </span>
              </p>
              <Button
                variant="default"
                loading={take.isPending && take.variables === each.id}
                onClick={() => take.mutate(each.id)}
              >
                Take off
              </Button>
            </li>
          ))}
        </ul>
      )}
      {agent || tool ? (
        <div className={classes.brakeActions}>
          {agent && free("hold") && (
            <Button
              leftSection={<IconHandStop size={15} stroke={1.8} />}
              loading={put.isPending}
              onClick={() => put.mutate({ ...of, action: "hold" })}
            >
              Hold {agent}
            </Button>
          )}
          {tool && !brakes.some((each) => each.tool === tool) && (
            <Button
              variant="default"
              leftSection={<IconHandStop size={15} stroke={1.8} />}
              loading={put.isPending}
              onClick={() => put.mutate({ ...of, action: "hold", tool })}
            >
              Hold the tool {tool}
            </Button>
          )}
          {agent && free("human") && (
            <Button
              variant="default"
              leftSection={<IconUsers size={15} stroke={1.8} />}
              loading={put.isPending}
              onClick={() => put.mutate({ ...of, action: "human" })}
            >
              Hand over to people
            </Button>
          )}
          {agent && free("previous") && (
            <Button
              variant="default"
              leftSection={<IconHistory size={15} stroke={1.8} />}
              loading={put.isPending}
              onClick={() => put.mutate({ ...of, action: "previous" })}
            >
              Use the version before
            </Button>
          )}
        </div>
      ) : (
        <p className="muted">This issue names no agent and no tool that could be held.</p>
      )}
      {failure && (
        <p role="alert" className={classes.error}>
          {failure.message}
        </p>
      )}
      <p className={classes.small}>
        Holds from the next time the agent asks <code className="mono">POST /api/v1/budgets/check</code>; one that does
        not ask cannot be held. Who did it is written to the audit log.
      </p>
    </section>
  );
}
