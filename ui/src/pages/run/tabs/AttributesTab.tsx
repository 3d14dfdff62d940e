/** Every attribute as it was sent, searchable. */
import { TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { Fragment, useMemo, useState } from "react";
import type { Step } from "@/api/types";
import { inline, parseJson } from "@/lib/json";
import { CopyButton } from "@/ui/CopyButton";
import { JsonView } from "@/ui/JsonView";
import { TextBlock } from "@/ui/TextBlock";
import { useLook } from "../useLook";
import classes from "./tabs.module.css";

/** Characters of a value shown before it is opened. */
const SHORT = 160;

export function AttributesTab({ step }: { step: Step }) {
  const [{ look: find = "" }, set] = useLook();
  const rows = useMemo(() => Object.entries(step.attributes).sort(([a], [b]) => a.localeCompare(b)), [step]);
  const needle = find.trim().toLowerCase();
  const shown = needle ? rows.filter(([key, value]) => `${key} ${inline(value)}`.toLowerCase().includes(needle)) : rows;
  const about: [string, string | null][] = [
    ["service.name", step.service],
    ["dialect", step.dialect || "none"],
    ["response id", step.response_id],
    ["session", step.session_id],
    ["user", step.user_id],
    ["version", step.version],
    ["workflow", step.workflow],
    ["tags", step.tags.join(", ") || null],
  ];
  return (
    <div className={classes.tab}>
      <dl className={classes.about}>
        {about
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd className="cut" title={value ?? undefined}>
                {value}
              </dd>
            </div>
          ))}
      </dl>
      {rows.length > 6 && (
        <TextInput
          aria-label="Search attributes"
          placeholder="Search attributes"
          leftSection={<IconSearch size={14} stroke={1.8} />}
          value={find}
          onChange={(event) => set({ look: event.currentTarget.value || undefined })}
        />
      )}
      {shown.length === 0 ? (
        <p className={classes.none}>{rows.length === 0 ? "The span has no attributes." : "No attribute matches."}</p>
      ) : (
        <table className={classes.attributes}>
          <thead>
            <tr>
              <th scope="col">Attribute</th>
              <th scope="col">Value</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(([key, value]) => (
              <tr key={key}>
                <th scope="row">
                  {/* A name with no room breaks between its parts. */}
                  {key.split(/(?<=\.)/).map((part, at) => (
                    <Fragment key={at}>
                      {at > 0 && <wbr />}
                      {part}
                    </Fragment>
                  ))}
                </th>
                <td>
                  <Value value={value} />
                  <span className={classes.copy}>
                    <CopyButton text={inline(value)} label={`Copy ${key}`} />
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}

function Value({ value }: { value: unknown }) {
  const [open, setOpen] = useState(false);
  const text = inline(value);
  if (typeof value === "object" && value !== null)
    return <JsonView value={value} open={text.length < 400 ? 2 : 0} copy={false} />;
  if (text.length <= SHORT && !(typeof value === "string" && parseJson(value))) {
    return (
      <span className={typeof value === "string" ? undefined : classes.scalar}>
        {text === "" ? <span className="faint">empty</span> : text}
      </span>
    );
  }
  return open ? (
    <TextBlock text={text} />
  ) : (
    <button type="button" className={classes.open} onClick={() => setOpen(true)} title="Show the whole value">
      {text.slice(0, SHORT)}
      {text.length > SHORT && "…"}
    </button>
  );
}
