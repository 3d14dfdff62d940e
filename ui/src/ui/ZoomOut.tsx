/** The way back out of a stretch of time that was drawn out of a chart: twice as long, around the same middle. */
import { ActionIcon, Tooltip } from "@mantine/core";
import { IconZoomOut } from "@tabler/icons-react";
import { wider } from "@/lib/series";

interface Props {
  /** The two ends in milliseconds since 1970. */
  ends: [number, number];
  onStretch: (from: number, to: number) => void;
}

export function ZoomOut({ ends, onStretch }: Props) {
  return (
    <Tooltip label="Zoom out: twice as long">
      <ActionIcon
        variant="default"
        size={30}
        aria-label="Zoom out"
        onClick={() => onStretch(...wider(...ends, Date.now()))}
      >
        <IconZoomOut size={16} stroke={1.7} />
      </ActionIcon>
    </Tooltip>
  );
}
