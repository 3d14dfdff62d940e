/** A sentence of a detector: names in backticks as code, moments as people read them. */
import { absolute } from "@/lib/format";

const MOMENT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;

export function Said({ text }: { text: string }) {
  const readable = text.replace(MOMENT, (moment) => absolute(moment, "second"));
  return (
    <>
      {readable.split(/`([^`]+)`/).map((part, at) =>
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
