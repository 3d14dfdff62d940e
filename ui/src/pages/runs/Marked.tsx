/** What can be done with the runs that were chosen in the list. */
import { Button, CloseButton } from "@mantine/core";
import { IconCopy, IconGitCompare, IconTerminal2, IconThumbUp } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { inProject } from "@/api/project";
import { markRun } from "@/api/queries";
import { meQuery } from "@/api/settings";
import { COMPARED_MAX, comparing } from "@/lib/compare";
import { CHOSEN_MAX } from "@/lib/filter";
import { plural } from "@/lib/format";
import { useCopy } from "@/ui/useCopy";
import classes from "./Marked.module.css";

/** A command that fetches the run as it was sent; with a key where the server asks for one. */
const asCurl = (id: string, closed: boolean) =>
  `curl -sS ${closed ? '-H "authorization: Bearer $TAWNY_KEY" ' : ""}'${location.origin}${inProject(`/api/v1/runs/${id}/raw`)}'`;

export function Marked({ marked, onClear }: { marked: ReadonlySet<string>; onClear: () => void }) {
  const { said, copy } = useCopy();
  const { data: me } = useQuery(meQuery);
  const good = useMutation({
    mutationFn: (ids: ReadonlySet<string>) => Promise.all([...ids].map((id) => markRun(id, true))),
  });
  // What became of other runs is not said of these.
  const [done, failed] = good.variables === marked ? [good.isSuccess, good.isError] : [false, false];
  if (marked.size === 0) return null;
  const tooMany = marked.size > COMPARED_MAX;
  return (
    <section className={classes.bar} aria-label="Chosen runs">
      <span>
        {plural(marked.size, "run")} chosen{marked.size >= CHOSEN_MAX && ", no more fit"}
      </span>
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
        onClick={() => copy([...marked].map((id) => asCurl(id, me?.closed ?? false)).join("\n"))}
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
      <CloseButton aria-label="Choose none" title="Choose none" onClick={onClear} />
    </section>
  );
}
