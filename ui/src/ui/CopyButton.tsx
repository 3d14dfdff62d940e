/** Copies a text, and says that it did. */
import { ActionIcon, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useCopy } from "./useCopy";

interface Props {
  /** The text, or how to get it when asked. */
  text: string | (() => string);
  label?: string;
  size?: number;
}

export function CopyButton({ text, label = "Copy", size = 24 }: Props) {
  const { said, copy } = useCopy();
  return (
    <Tooltip label={said === "copied" ? "Copied" : said ? "The browser did not allow it" : label}>
      <ActionIcon
        size={size}
        aria-label={label}
        onClick={(event) => {
          event.stopPropagation();
          copy(typeof text === "function" ? text() : text);
        }}
      >
        {said === "copied" ? <IconCheck size={14} stroke={2} /> : <IconCopy size={size > 24 ? 16 : 14} stroke={1.7} />}
      </ActionIcon>
    </Tooltip>
  );
}
