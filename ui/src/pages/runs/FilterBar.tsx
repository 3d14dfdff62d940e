/** Search, bounds, and what the list is restricted to, each restriction removable. */
import {
  ActionIcon,
  Button,
  Checkbox,
  CloseButton,
  Combobox,
  NumberInput,
  Popover,
  TextInput,
  useCombobox,
} from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconAdjustmentsHorizontal, IconSearch, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { facetsQuery } from "@/api/queries";
import { BOUNDS, type Bound, chips, cleared, isFiltered, type RunsSearch } from "@/lib/filter";
import { lastWord, type Offer, offers, rareField, replaceLast, restricted } from "@/lib/filterOffers";
import { compact } from "@/lib/format";
import { STATUS_LABEL } from "@/ui/StatusMark";
import { useKeys } from "@/ui/useKeys";
import classes from "./FilterBar.module.css";

interface Props {
  search: RunsSearch;
  /** Controls in front of the search field. */
  children?: ReactNode;
}

export function FilterBar({ search, children }: Props) {
  const navigate = useNavigate();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(search.q ?? "");
  const sent = useRef(search.q ?? "");
  useEffect(() => {
    // The URL changed by other means (a chip, the back button): the field follows it.
    if ((search.q ?? "") !== sent.current) {
      sent.current = search.q ?? "";
      setText(search.q ?? "");
    }
  }, [search.q]);

  const apply = (q: string) => {
    sent.current = q.trim();
    void navigate({ to: "/runs", search: (before) => ({ ...before, q: q.trim() || undefined }), replace: true });
  };
  const later = useDebouncedCallback(apply, 250);
  const combobox = useCombobox();
  // What there is to filter by is needed by who begins to write.
  const { data } = useQuery({ ...facetsQuery(search), enabled: combobox.dropdownOpened });
  const rare = rareField(text);
  const { data: more } = useQuery({
    ...facetsQuery(search, rare ? [rare] : []),
    enabled: combobox.dropdownOpened && rare !== undefined,
  });
  const offered = useMemo(() => offers(text, { ...data?.facets, ...more?.facets }), [text, data, more]);
  const take = (offer: Offer) => {
    const rest = replaceLast(text, offer.word);
    setText(rest);
    const { change } = offer;
    if (!change) {
      combobox.openDropdown();
      return;
    }
    sent.current = rest.trim();
    void navigate({
      to: "/runs",
      search: (before) => ({ ...restricted(before, change), q: rest.trim() || undefined }),
    });
    combobox.closeDropdown();
  };
  useKeys({ "/": () => field.current?.select() });

  const restrictions = chips(search);
  return (
    <div className={classes.bar}>
      <div className={classes.line}>
        {children}
        <Combobox
          // Placed only when it opens: to place it takes a layout of the whole page.
          keepMounted={false}
          store={combobox}
          position="bottom-start"
          width={340}
          onOptionSubmit={(at) => {
            const offer = offered[Number(at)];
            if (offer) take(offer);
          }}
        >
          <Combobox.Target>
            <TextInput
              ref={field}
              className={classes.search}
              aria-label="Search runs"
              placeholder="Search, or filter: agent:… status:… duration>5s"
              leftSection={<IconSearch size={15} stroke={1.8} />}
              rightSection={
                text ? (
                  <CloseButton
                    size="sm"
                    aria-label="Clear the search"
                    onClick={() => {
                      setText("");
                      apply("");
                    }}
                  />
                ) : (
                  <kbd className={classes.key} aria-hidden>
                    /
                  </kbd>
                )
              }
              value={text}
              onChange={(event) => {
                setText(event.currentTarget.value);
                combobox.openDropdown();
                combobox.resetSelectedOption();
                // A filter that is being written is no text to search for.
                if (!/^\w+[:<>]/.test(lastWord(event.currentTarget.value))) later(event.currentTarget.value);
              }}
              onFocus={() => combobox.openDropdown()}
              onBlur={() => combobox.closeDropdown()}
              onKeyDown={(event) => {
                if (event.key === "Enter" && !(combobox.dropdownOpened && combobox.getSelectedOptionIndex() >= 0)) {
                  const only = /[:<>]/.test(lastWord(text)) ? offered[0] : undefined;
                  if (only) take(only);
                  else apply(text);
                  combobox.closeDropdown();
                }
                if (event.key === "Escape") field.current?.blur();
              }}
            />
          </Combobox.Target>
          <Combobox.Dropdown hidden={offered.length === 0}>
            <Combobox.Options aria-label="Filters that fit">
              {offered.map((offer, at) => (
                <Combobox.Option key={offer.label} value={String(at)} className={classes.offer}>
                  <span className="cut">{offer.label}</span>
                  {offer.count !== undefined && <span className="faint tnum">{compact(offer.count)}</span>}
                </Combobox.Option>
              ))}
            </Combobox.Options>
          </Combobox.Dropdown>
        </Combobox>
        <Checkbox
          size="xs"
          label="In content"
          title="Look in messages, tool arguments and results too"
          checked={search.in === "content"}
          onChange={(event) => {
            const on = event.currentTarget.checked ? "content" : undefined;
            void navigate({ to: "/runs", search: (before) => ({ ...before, in: on }), replace: true });
          }}
        />
        <Bounds search={search} />
      </div>
      {restrictions.length > 0 && (
        <ul className={classes.chips} aria-label="Filters">
          {restrictions.map((chip) => (
            <li key={chip.key} className={classes.chip}>
              <span className="muted">{chip.label}</span>
              <span className="cut">
                {chip.label === "status" ? STATUS_LABEL[chip.value as keyof typeof STATUS_LABEL] : chip.value}
              </span>
              <Link to="/runs" search={chip.without} replace aria-label={`Remove filter ${chip.label} ${chip.value}`}>
                <IconX size={12} stroke={2.2} />
              </Link>
            </li>
          ))}
          {isFiltered(search) && (
            <li>
              <Link to="/runs" search={cleared(search)} className={classes.clear}>
                Clear filters
              </Link>
            </li>
          )}
        </ul>
      )}
    </div>
  );
}

const BOUND_LABEL: Record<Bound, string> = {
  min_duration_ms: "Duration at least",
  max_duration_ms: "Duration at most",
  min_tokens: "Tokens at least",
  max_tokens: "Tokens at most",
  min_steps: "Steps at least",
  max_steps: "Steps at most",
};

function Bounds({ search }: { search: RunsSearch }) {
  const navigate = useNavigate();
  const [open, setOpen] = useState(false);
  const [draft, setDraft] = useState<RunsSearch>({});
  const set = BOUNDS.some((bound) => search[bound] !== undefined) || search.errors;
  const show = () => {
    setDraft(Object.fromEntries([...BOUNDS, "errors" as const].map((key) => [key, search[key]])));
    setOpen(!open);
  };
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" trapFocus>
      <Popover.Target>
        <ActionIcon
          variant="default"
          size={30}
          aria-label="Bounds for duration, tokens and steps"
          title="Bounds for duration, tokens and steps"
          data-set={set || undefined}
          className={classes.bounds}
          onClick={show}
        >
          <IconAdjustmentsHorizontal size={16} stroke={1.7} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown>
        <form
          className={classes.form}
          onSubmit={(event) => {
            event.preventDefault();
            setOpen(false);
            void navigate({ to: "/runs", search: (before) => ({ ...before, ...draft }) });
          }}
        >
          {BOUNDS.map((bound) => (
            <NumberInput
              key={bound}
              size="xs"
              min={0}
              label={BOUND_LABEL[bound]}
              suffix={bound.endsWith("_ms") ? " ms" : undefined}
              thousandSeparator=","
              hideControls
              value={draft[bound] ?? ""}
              onChange={(value) => setDraft({ ...draft, [bound]: value === "" ? undefined : Number(value) })}
            />
          ))}
          <Checkbox
            size="xs"
            label="With a failed step"
            checked={draft.errors ?? false}
            onChange={(event) => setDraft({ ...draft, errors: event.currentTarget.checked || undefined })}
          />
          <Button type="submit">Apply</Button>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}
