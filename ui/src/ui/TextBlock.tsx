/** A text as it was said: JSON as JSON, Markdown laid out, everything else as text; very long ones in parts. */
import { useLocalStorage } from "@mantine/hooks";
import { lazy, Suspense, useMemo, useState } from "react";
import { compact } from "@/lib/format";
import { parseJson } from "@/lib/json";
import { looksLikeMarkdown } from "@/lib/markdown";
import { JsonView } from "./JsonView";
import classes from "./TextBlock.module.css";

/** Characters shown before asking. */
const LONG = 6000;

const Markdown = lazy(() => import("./Markdown"));

/** Whether Markdown is laid out or shown as written; one choice for all texts. */
export const useMarkdown = () =>
  useLocalStorage({ key: "tawny.markdown", defaultValue: true, getInitialValueInEffect: false });

interface Props {
  text: string;
  /** Somebody says it: then Markdown is laid out. Data of tools and documents is shown as it is. */
  message?: boolean;
}

export function TextBlock({ text, message = false }: Props) {
  const [all, setAll] = useState(false);
  const json = useMemo(() => parseJson(text), [text]);
  const [laidOut] = useMarkdown();
  const markdown = useMemo(() => message && laidOut && looksLikeMarkdown(text), [message, laidOut, text]);
  if (json) return <JsonView value={json.value} />;
  if (markdown) {
    return (
      <Suspense fallback={<div className={classes.text}>{text}</div>}>
        <Markdown text={text} />
      </Suspense>
    );
  }
  const cut = !all && text.length > LONG;
  return (
    <div className={classes.text}>
      {cut ? text.slice(0, LONG) : text}
      {cut && (
        <button type="button" className={classes.more} onClick={() => setAll(true)}>
          Show {compact(text.length - LONG)} more characters
        </button>
      )}
    </div>
  );
}

/** A value of unknown shape: text as text, the rest as JSON. */
export function AnyValue({ value }: { value: unknown }) {
  return typeof value === "string" ? <TextBlock text={value} /> : <JsonView value={value} />;
}
