/** What can be done with the runs that are marked. */
import { Button, CloseButton } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { IconCopy, IconGitCompare, IconTerminal2 } from "@tabler/icons-react";
import { plural } from "@/lib/format";
import classes from "./Marked.module.css";

export function Marked({ marked, onClear }: { marked: ReadonlySet<string>; onClear: () => void }) {
  const clipboard = useClipboard({ timeout: 1200 });
  if (marked.size === 0) return null;
  const [first, second] = marked;
  return (
    <section className={classes.bar} aria-label="Marked runs">
      <span>{plural(marked.size, "run")} marked</span>
      <Button
        variant="default"
        disabled={marked.size > 2}
        title={marked.size > 2 ? "Mark at most two runs to compare them" : undefined}
        leftSection={<IconGitCompare size={15} stroke={1.7} />}
        renderRoot={(props) => <a {...props} href={`/compare?a=${first}${second ? `&b=${second}` : ""}`} />}
      >
        {second ? "Compare them" : "Compare with what is usual"}
      </Button>
      <Button
        variant="default"
        leftSection={<IconCopy size={15} stroke={1.7} />}
        onClick={() => clipboard.copy([...marked].join("\n"))}
      >
        {clipboard.copied ? "Copied" : "Copy ids"}
      </Button>
      <Button
        variant="default"
        leftSection={<IconTerminal2 size={15} stroke={1.7} />}
        onClick={() =>
          clipboard.copy([...marked].map((id) => `curl -sS ${location.origin}/api/v1/runs/${id}/raw`).join("\n"))
        }
      >
        Copy as curl
      </Button>
      <CloseButton aria-label="Unmark all" onClick={onClear} />
    </section>
  );
}
