/** Lists to come back to, under names. They are kept in this browser; an address is how one is passed on. */
import { ActionIcon, Button, Menu, TextInput } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { IconBookmark, IconChevronDown, IconTrash } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { parseSearch, type RunsSearch, readSearch, stringifySearch } from "@/lib/filter";
import classes from "./Views.module.css";

interface View {
  name: string;
  /** The query of its address. */
  query: string;
}

/** Views that are there before any was saved. */
const GIVEN: View[] = [
  { name: "Failed", query: "?status=error" },
  { name: "Slowest", query: "?sort=-duration_ms" },
  { name: "Dearest", query: "?sort=-cost_usd" },
  { name: "With a failed step that ended well", query: "?status=ok&errors=true" },
  { name: "Running now", query: "?status=running" },
];

export function Views({ search }: { search: RunsSearch }) {
  const navigate = useNavigate();
  const [saved, setSaved] = useLocalStorage<View[]>({
    key: "tawny.views",
    defaultValue: [],
    getInitialValueInEffect: false,
  });
  const [name, setName] = useState("");
  const { peek: _, chosen: __, ...kept } = search;
  const query = stringifySearch(kept);
  const current = [...saved, ...GIVEN].find((view) => view.query === query);
  const open = (view: View) => void navigate({ to: "/runs", search: readSearch(parseSearch(view.query)) });
  const save = () => {
    const called = name.trim();
    if (!called) return;
    setSaved([...saved.filter((view) => view.name !== called), { name: called, query }]);
    setName("");
  };
  return (
    <Menu position="bottom-start" width={280}>
      <Menu.Target>
        <Button
          variant="default"
          className={classes.button}
          leftSection={<IconBookmark size={15} stroke={1.7} />}
          rightSection={<IconChevronDown size={14} stroke={1.7} />}
        >
          <span className="cut">{current?.name ?? "Views"}</span>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {saved.length > 0 && <Menu.Label>Saved in this browser</Menu.Label>}
        {saved.map((view) => (
          <div key={view.name} className={classes.saved}>
            <Menu.Item onClick={() => open(view)}>{view.name}</Menu.Item>
            <ActionIcon
              aria-label={`Remove the view ${view.name}`}
              title="Remove"
              onClick={() => setSaved(saved.filter((each) => each !== view))}
            >
              <IconTrash size={14} stroke={1.7} />
            </ActionIcon>
          </div>
        ))}
        <Menu.Label>Always there</Menu.Label>
        {GIVEN.map((view) => (
          <Menu.Item key={view.name} onClick={() => open(view)}>
            {view.name}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <form
          className={classes.save}
          onSubmit={(event) => {
            event.preventDefault();
            save();
          }}
        >
          <TextInput
            size="xs"
            aria-label="Name of the view"
            placeholder="Save what is shown as …"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            // The menu would take letters and arrows for itself.
            onKeyDown={(event) => event.stopPropagation()}
          />
          <Button type="submit" size="xs" disabled={!name.trim()}>
            Save
          </Button>
        </form>
      </Menu.Dropdown>
    </Menu>
  );
}
