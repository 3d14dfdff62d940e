/** One message of a conversation: who speaks, and each part as what it is. */
import { ActionIcon, Tooltip } from "@mantine/core";
import { IconBrain, IconMarkdown, IconPhoto, IconRobot, IconSettings2, IconTool, IconUser } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import type { Message, Part } from "@/api/types";
import { type Exchange, plainText, type Turn, type TurnPart } from "@/lib/conversation";
import { plural } from "@/lib/format";
import { inline, isBlank } from "@/lib/json";
import { looksLikeMarkdown } from "@/lib/markdown";
import { KindTile } from "@/theme/kinds";
import { CopyButton } from "@/ui/CopyButton";
import { JsonView } from "@/ui/JsonView";
import { AnyValue, TextBlock, useMarkdown } from "@/ui/TextBlock";
import classes from "./Turn.module.css";
import { Fold } from "./tabs/Section";

const ROLE: Record<Message["role"], { label: string; icon: ReactNode }> = {
  system: { label: "System", icon: <IconSettings2 size={13} stroke={1.9} aria-hidden /> },
  user: { label: "User", icon: <IconUser size={13} stroke={1.9} aria-hidden /> },
  assistant: { label: "Assistant", icon: <IconRobot size={13} stroke={1.9} aria-hidden /> },
  tool: { label: "Tool", icon: <IconTool size={13} stroke={1.9} aria-hidden /> },
};

/** Characters above which instructions are cut to their beginning. */
const LONG_INSTRUCTIONS = 420;

interface Props {
  turn: Turn;
  /** Long text starts cut: instructions are the same in every call. */
  clamp?: boolean;
  /** Beside the speaker: where the message comes from. */
  aside?: ReactNode;
}

export function TurnBlock({ turn, clamp = false, aside }: Props) {
  const { message } = turn;
  const { label, icon } = ROLE[message.role];
  const text = plainText(message);
  const long = clamp && text.length > LONG_INSTRUCTIONS;
  const [open, setOpen] = useState(!long);
  return (
    <article className={classes.turn} data-role={message.role}>
      <header>
        <span className={classes.who}>
          {icon}
          {label}
          {message.name && <span className="faint">{message.name}</span>}
        </span>
        {message.finish_reason && message.finish_reason !== "stop" && message.finish_reason !== "tool_calls" && (
          <span className={classes.finish}>{message.finish_reason}</span>
        )}
        <span className={classes.tools}>
          {aside}
          {looksLikeMarkdown(text) && <MarkdownSwitch />}
          {text && <CopyButton text={text} label="Copy the message" />}
        </span>
      </header>
      <div className={classes.parts} data-cut={!open || undefined}>
        {turn.parts.map((part, at) => (
          <PartBlock key={at} part={part} />
        ))}
        {turn.parts.length === 0 && <span className="faint">Empty</span>}
      </div>
      {long && (
        <button type="button" className={classes.more} onClick={() => setOpen(!open)}>
          {open ? "Less" : "All of it"}
        </button>
      )}
    </article>
  );
}

function MarkdownSwitch() {
  const [laidOut, setLaidOut] = useMarkdown();
  const label = laidOut ? "Show as written" : "Lay out Markdown";
  return (
    <Tooltip label={label}>
      <ActionIcon size={24} aria-label={label} aria-pressed={laidOut} onClick={() => setLaidOut(!laidOut)}>
        <IconMarkdown size={15} stroke={1.6} />
      </ActionIcon>
    </Tooltip>
  );
}

function PartBlock({ part }: { part: TurnPart }) {
  switch (part.type) {
    case "text":
      return <TextBlock text={part.text} message />;
    case "reasoning":
      return (
        <Fold
          title={
            <span className={classes.reasoning}>
              <IconBrain size={13} stroke={1.8} aria-hidden /> Reasoning
            </span>
          }
          note={plural(part.text.split(/\s+/).length, "word")}
        >
          <div className={classes.thought}>
            <TextBlock text={part.text} />
          </div>
        </Fold>
      );
    case "exchange":
      return <ExchangeCard exchange={part} />;
    case "media":
      return <Media part={part} />;
    case "other":
      return <AnyValue value={part.value} />;
  }
}

/** Images that came inside the message are shown; nothing is ever fetched from elsewhere. */
const INLINE_IMAGE = /^data:image\/(png|jpeg|gif|webp);base64,/;

function Media({ part }: { part: Extract<Part, { type: "media" }> }) {
  if (part.reference && INLINE_IMAGE.test(part.reference))
    return <img className={classes.image} src={part.reference} alt={`${part.modality} in the message`} />;
  return (
    <div className={classes.media}>
      <IconPhoto size={15} stroke={1.7} aria-hidden />
      <span>{part.mime_type ?? part.modality}</span>
      {part.reference && <span className="cut mono faint">{part.reference.slice(0, 200)}</span>}
    </div>
  );
}

/** A tool call and its answer in one card. */
export function ExchangeCard({ exchange, aside }: { exchange: Exchange; aside?: ReactNode }) {
  const { call, result } = exchange;
  return (
    <div className={classes.exchange}>
      <header>
        <KindTile kind="tool" />
        <strong className="cut">{call?.name ?? "Tool result"}</strong>
        {(call?.id ?? result?.id) && <span className="cut mono faint">{call?.id ?? result?.id}</span>}
        <span className={classes.tools}>{aside}</span>
      </header>
      {call && !isBlank(call.arguments) && <Compact value={call.arguments} />}
      {result ? (
        <div className={classes.result}>
          <span className={classes.label}>Result</span>
          <Compact value={result.result} />
        </div>
      ) : (
        call && <div className={classes.waiting}>The answer is not part of this step.</div>
      )}
    </div>
  );
}

/** A value on one line where it fits, else as it is. */
export function Compact({ value }: { value: unknown }) {
  if (typeof value === "object" && value !== null) {
    const text = inline(value);
    return <JsonView value={value} open={text.length < 600 ? 3 : 1} />;
  }
  return (
    <div className={classes.plain}>
      <TextBlock text={inline(value)} />
    </div>
  );
}
