/** Live or not, and whether the stream is really there. */
import { Button, Tooltip } from "@mantine/core";
import { useLiveState } from "@/api/live";
import classes from "./LiveToggle.module.css";

export function LiveToggle({ live, onChange }: { live: boolean; onChange: (live: boolean) => void }) {
  const state = useLiveState();
  const hint = !live
    ? "The list stands still. Show runs as they come (l)"
    : state === "open"
      ? "New runs appear as they come. Stop (l)"
      : "Connecting to the live stream";
  return (
    <Tooltip label={hint}>
      <Button
        variant="default"
        aria-pressed={live}
        onClick={() => onChange(!live)}
        leftSection={<span className={classes.light} data-state={live ? state : "off"} aria-hidden />}
      >
        Live
      </Button>
    </Tooltip>
  );
}
