/** Sample runs on request, and their way out again. */
import { Button } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { eraseSample, sampleQuery, sendSample } from "@/api/sample";
import { plural } from "@/lib/format";
import { SAMPLE_RUNS, SAMPLE_USER } from "@/lib/sampleRuns";
import classes from "./FirstTrace.module.css";

export function Sample() {
  const client = useQueryClient();
  const { data: there = 0 } = useQuery(sampleQuery);
  // Whatever a page shows may have changed by it.
  const again = () => client.invalidateQueries();
  const send = useMutation({ mutationFn: sendSample, onSuccess: again });
  const erase = useMutation({ mutationFn: eraseSample, onSuccess: again });
  const failed = send.error ?? erase.error;
  return (
    <section className={classes.sample} aria-label="Sample data">
      <div>
        <h2>{there > 0 ? `${plural(there, "sample run")} in this project` : "No agent at hand?"}</h2>
        <p className="muted">
          {there > 0 ? (
            <>
              Made up, of agents named <span className="mono">sample-…</span>, of the user{" "}
              <span className="mono">{SAMPLE_USER}</span>. <Link to="/overview">Look around</Link>
            </>
          ) : (
            `Fill this project with ${SAMPLE_RUNS} made-up runs of the last hour: three agents, some failures, a loop. They are marked as samples and erased with one click.`
          )}
        </p>
        {failed && <p role="alert">{failed.message}</p>}
        {erase.data && there === 0 && (
          <p role="status" className="muted">
            {plural(erase.data.traces, "sample run")} erased.
          </p>
        )}
      </div>
      {there > 0 ? (
        <Button variant="default" loading={erase.isPending} onClick={() => erase.mutate()}>
          Erase sample data
        </Button>
      ) : (
        <Button variant="default" loading={send.isPending} onClick={() => send.mutate()}>
          Send sample data
        </Button>
      )}
    </section>
  );
}
