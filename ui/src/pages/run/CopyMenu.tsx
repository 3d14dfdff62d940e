/** A step to take elsewhere: as a command, as a test case, as JSON. */
import { ActionIcon, Menu } from "@mantine/core";
import { IconBraces, IconCheck, IconFlask, IconShare2, IconTerminal2 } from "@tabler/icons-react";
import type { Run, Step } from "@/api/types";
import { asCurl, asTestCase } from "@/lib/replay";
import { useCopy } from "@/ui/useCopy";

interface Props {
  run: Run;
  step: Step;
  /** The step's content is there. */
  ready: boolean;
  raw: unknown;
}

export function CopyMenu({ run, step, ready, raw }: Props) {
  const { said, copy } = useCopy();
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon size={24} aria-label="Take the step elsewhere" title="Take the step elsewhere" disabled={!ready}>
          {said === "copied" ? <IconCheck size={14} stroke={2} /> : <IconShare2 size={14} stroke={1.7} />}
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {step.kind === "llm" && (
          <Menu.Item leftSection={<IconTerminal2 size={14} stroke={1.7} />} onClick={() => copy(asCurl(step))}>
            Copy the call as curl
          </Menu.Item>
        )}
        <Menu.Item leftSection={<IconFlask size={14} stroke={1.7} />} onClick={() => copy(asTestCase(run, step))}>
          Copy as a test case
        </Menu.Item>
        <Menu.Item
          leftSection={<IconBraces size={14} stroke={1.7} />}
          onClick={() => copy(JSON.stringify(raw, null, 2))}
        >
          Copy the span as JSON
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
