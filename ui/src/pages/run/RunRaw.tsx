/** The run as it was sent: OTLP/JSON to look at, copy or take away. */
import { Button } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { inProject } from "@/api/project";
import { runRawQuery } from "@/api/queries";
import { plural } from "@/lib/format";
import { JsonView } from "@/ui/JsonView";
import { ErrorState, SkeletonRows } from "@/ui/States";
import classes from "./RunRaw.module.css";

/** Steps above which the page asks before it loads everything. */
const LARGE = 400;

export function RunRaw({ traceId, steps }: { traceId: string; steps: number }) {
  const [wanted, setWanted] = useState(steps <= LARGE);
  const query = useQuery({ ...runRawQuery(traceId), enabled: wanted });
  const address = inProject(`/api/v1/runs/${traceId}/raw`);
  return (
    <div className={classes.raw}>
      <div className={classes.tools}>
        <span className="muted">
          One OTLP/JSON request with all spans, as they were sent. <code className="mono">tawny import</code> reads it
          back.
        </span>
        <Button
          variant="default"
          leftSection={<IconDownload size={14} stroke={1.8} />}
          renderRoot={(props) => <a {...props} href={address} download={`${traceId}.otlp.json`} />}
        >
          Download
        </Button>
      </div>
      {!wanted ? (
        <Button variant="default" onClick={() => setWanted(true)}>
          Show {plural(steps, "span")} here
        </Button>
      ) : query.isPending ? (
        <SkeletonRows rows={10} />
      ) : query.isError ? (
        <ErrorState error={query.error} what="the spans" onRetry={() => void query.refetch()} />
      ) : (
        <JsonView value={query.data} open={7} />
      )}
    </div>
  );
}
