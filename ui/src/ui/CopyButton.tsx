/** Copies a text, and says that it did. */
import { ActionIcon, Tooltip } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { IconCheck, IconCopy } from "@tabler/icons-react";

interface Props {
  /** The text, or how to get it when asked. */
  text: string | (() => string);
  label?: string;
  size?: number;
}

export function CopyButton({ text, label = "Copy", size = 24 }: Props) {
  const clipboard = useClipboard({ timeout: 1200 });
  return (
    <Tooltip label={clipboard.copied ? "Copied" : label}>
      <ActionIcon
        size={size}
        aria-label={label}
        onClick={(event) => {
          event.stopPropagation();
          clipboard.copy(typeof text === "function" ? text() : text);
        }}
      >
        {clipboard.copied ? <IconCheck size={14} stroke={2} /> : <IconCopy size={size > 24 ? 16 : 14} stroke={1.7} />}
      </ActionIcon>
    </Tooltip>
  );
}
