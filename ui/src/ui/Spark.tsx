/** A row's course in its table: one thin line from nothing to its own highest, without axes. The numbers are in the cells beside it. */
import { sparkPoints } from "@/lib/series";

const WIDTH = 100;
const HEIGHT = 20;

export function Spark({ values }: { values: (number | null)[] | undefined }) {
  const points = values && sparkPoints(values, WIDTH, HEIGHT);
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      style={{ display: "block", width: "clamp(60px, 13vw, 220px)", height: HEIGHT, color: "var(--t-muted)" }}
      aria-hidden
    >
      {points && (
        <polyline
          points={points}
          fill="none"
          stroke="currentColor"
          strokeWidth={1.2}
          strokeLinejoin="round"
          vectorEffect="non-scaling-stroke"
        />
      )}
    </svg>
  );
}
