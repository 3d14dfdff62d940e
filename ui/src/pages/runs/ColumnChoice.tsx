/** Which columns the list shows. */
import { ActionIcon, Button, Checkbox, Popover } from "@mantine/core";
import { IconColumns3 } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import type { RunsSearch } from "@/lib/filter";
import classes from "./ColumnChoice.module.css";
import { CHOICES } from "./columns";

const USUAL = CHOICES.filter((column) => column.usual).map((column) => column.id);

export function ColumnChoice({ search }: { search: RunsSearch }) {
  const navigate = useNavigate();
  const chosen = search.columns ?? USUAL;
  const choose = (columns: string[] | undefined) =>
    void navigate({ to: "/runs", search: (before) => ({ ...before, columns }), replace: true });
  return (
    <Popover position="bottom-end" trapFocus>
      <Popover.Target>
        <ActionIcon variant="default" size={30} aria-label="Columns" title="Columns">
          <IconColumns3 size={16} stroke={1.7} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown>
        <fieldset className={classes.columns}>
          <legend>Columns</legend>
          {CHOICES.map(({ id, title }) => (
            <Checkbox
              key={id}
              size="xs"
              label={title}
              checked={chosen.includes(id)}
              onChange={(event) =>
                choose(
                  // In the order of the table, so that the same choice is the same address.
                  CHOICES.map((column) => column.id).filter((each) =>
                    each === id ? event.currentTarget.checked : chosen.includes(each),
                  ),
                )
              }
            />
          ))}
          <Button variant="default" disabled={!search.columns} onClick={() => choose(undefined)}>
            The usual ones
          </Button>
        </fieldset>
      </Popover.Dropdown>
    </Popover>
  );
}
