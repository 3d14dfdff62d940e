/** A sentence of a detector: names in backticks as code, moments as people read them. */
import { withMoments } from "@/lib/format";

export function Said({ text }: { text: string }) {
  return (
    <>
      {withMoments(text)
        .split(/`([^`]+)`/)
        .map((part, at) =>
          at % 2 === 1 ? (
            <code key={at} className="mono">
              {part}
            </code>
          ) : (
            part
          ),
        )}
    </>
  );
}
