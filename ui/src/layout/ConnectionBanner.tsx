/** Says that the server is silent, and that it keeps being asked. */
import { Button } from "@mantine/core";
import { IconPlugConnectedX } from "@tabler/icons-react";
import { useEffect, useRef } from "react";
import { connection, useConnection } from "@/api/connection";
import { queryClient } from "@/api/queries";
import classes from "./ConnectionBanner.module.css";

export function ConnectionBanner() {
  const state = useConnection();
  const wasLost = useRef(false);
  useEffect(() => {
    if (state === "ok" && wasLost.current) void queryClient.invalidateQueries();
    wasLost.current = state === "lost";
  }, [state]);
  if (state === "ok") return null;
  return (
    <div className={classes.banner} role="alert">
      <IconPlugConnectedX size={16} stroke={1.8} aria-hidden />
      <span>
        <strong>The server does not answer.</strong> Check that <code className="mono">tawny serve</code> is running.
        Trying again by itself; what is shown may be old.
      </span>
      <Button variant="default" onClick={() => void connection.probe()}>
        Try now
      </Button>
    </div>
  );
}
