/** Brakes in force, wherever what they hold is looked at: since when, by whom, for which incident, and the way to take one off. */
import { Button } from "@mantine/core";
import { IconHandStop } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { brakesQuery, takeBrakeOff } from "@/api/incidents";
import { brakeInWords, inForce } from "@/lib/brakes";
import { explain } from "@/ui/States";
import { Ago } from "@/ui/Time";
import classes from "./BrakeStrip.module.css";

/** Of an agent, or of all; nothing where none is in force. */
export function BrakeStrip({ agent }: { agent?: string }) {
  const client = useQueryClient();
  const query = useQuery(brakesQuery);
  const take = useMutation({
    mutationFn: (id: string) => takeBrakeOff(id),
    onSettled: () => Promise.all(["brakes", "incident"].map((name) => client.invalidateQueries({ queryKey: [name] }))),
  });
  if (query.isError && !query.data)
    return (
      <p role="alert" className={classes.failed}>
        Whether a brake is in force is not known: {explain(query.error, "the brakes").detail}
      </p>
    );
  const brakes = inForce(query.data?.brakes ?? [], agent);
  if (brakes.length === 0) return null;
  return (
    <section className={classes.strip} aria-label="Brakes in force">
      <ul>
        {brakes.map((each) => (
          <li key={each.id}>
            <IconHandStop size={16} stroke={1.8} aria-hidden />
            <p>
              <strong>{brakeInWords(each)}</strong>
              {each.environment && ` in ${each.environment}`}, since <Ago at={each.since} /> by {each.by}
              {each.issue && (
                <>
                  {" "}
                  (
                  <Link to="/incidents/$fingerprint" params={{ fingerprint: each.issue }}>
                    its incident
                  </Link>
                  )
                </>
              )}
            </p>
            <Button
              variant="default"
              size="compact-sm"
              aria-label={`Take off: ${brakeInWords(each)}`}
              loading={take.isPending && take.variables === each.id}
              onClick={() => take.mutate(each.id)}
            >
              Take off
            </Button>
          </li>
        ))}
      </ul>
      {take.isError && (
        <p role="alert" data-tone="bad">
          {take.error.message}
        </p>
      )}
    </section>
  );
}
