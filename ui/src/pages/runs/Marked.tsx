/** What can be done with the runs that were chosen in the list. */
import { Button, CloseButton } from "@mantine/core";
import { IconCopy, IconGitCompare, IconTerminal2, IconThumbUp } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { markRun } from "@/api/queries";
import { COMPARED_MAX, comparing } from "@/lib/compare";
import { plural } from "@/lib/format";
import { useCopy } from "@/ui/useCopy";
import classes from "./Marked.module.css";

export function Marked({ marked, onClear }: { marked: ReadonlySet<string>; onClear: () => void }) {
  const { said, copy } = useCopy();
  const good = useMutation({
    mutationFn: (ids: ReadonlySet<string>) => Promise.all([...ids].map((id) => markRun(id, true))),
  });
  // What became of other runs is not said of these.
  const [done, failed] = good.variables === marked ? [good.isSuccess, good.isError] : [false, false];
  if (marked.size === 0) return null;
  const tooMany = marked.size > COMPARED_MAX;
  return (
    <section className={classes.bar} aria-label="Chosen runs">
      <span>{plural(marked.size, "run")} chosen</span>
      <Button
        variant="default"
        title={tooMany ? `The first ${COMPARED_MAX} are compared` : undefined}
        leftSection={<IconGitCompare size={15} stroke={1.7} />}
        renderRoot={(props) => <Link {...props} to="/compare" search={comparing([...marked])} />}
      >
        {marked.size > 1 ? "Compare them" : "Compare with what is usual"}
      </Button>
      <Button
        variant="default"
        leftSection={<IconCopy size={15} stroke={1.7} />}
        onClick={() => copy([...marked].join("\n"))}
      >
        {said === "copied" ? "Copied" : said ? "The browser did not allow it" : "Copy ids"}
      </Button>
      <Button
        variant="default"
        leftSection={<IconTerminal2 size={15} stroke={1.7} />}
        onClick={() => copy([...marked].map((id) => `curl -sS ${location.origin}/api/v1/runs/${id}/raw`).join("\n"))}
      >
        Copy as curl
      </Button>
      <Button
        variant="default"
        title="Once enough runs of a kind are good, others are compared with those alone"
        leftSection={<IconThumbUp size={15} stroke={1.7} />}
        loading={good.isPending}
        onClick={() => good.mutate(marked)}
      >
        {done ? "Good" : failed ? "Not marked: try again" : "Mark as good"}
      </Button>
      <CloseButton aria-label="Choose none" onClick={onClear} />
    </section>
  );
}
