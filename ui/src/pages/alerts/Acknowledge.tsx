/** Somebody takes care of an alert: its messages are not repeated. */
import { Button, Popover, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconUserCheck } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { acknowledge } from "@/api/alerting";
import type { Alert } from "@/api/types";
import { useName } from "@/ui/useName";
import classes from "./Alerts.module.css";

export function Acknowledge({ alert }: { alert: Alert }) {
  const [opened, control] = useDisclosure(false);
  const [name, setName] = useName();
  const [comment, setComment] = useState("");
  const client = useQueryClient();
  const ack = useMutation({
    mutationFn: () => acknowledge(alert.fingerprint, name, comment),
    onSuccess: async () => {
      await Promise.all([
        client.invalidateQueries({ queryKey: ["alerts"] }),
        client.invalidateQueries({ queryKey: ["alert-history"] }),
      ]);
      control.close();
    },
  });
  if (alert.state !== "firing" && alert.state !== "no_data") return null;
  return (
    <Popover opened={opened} onChange={(open) => !open && control.close()} position="bottom-end" trapFocus width={280}>
      <Popover.Target>
        <Button
          leftSection={<IconUserCheck size={15} stroke={1.8} />}
          variant={alert.ack ? "default" : "filled"}
          onClick={control.toggle}
        >
          {alert.ack ? "Take over" : "Acknowledge"}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Acknowledge">
        <form
          className={classes.form}
          onSubmit={(event) => {
            event.preventDefault();
            ack.mutate();
          }}
        >
          <TextInput
            label="Your name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            required
            autoComplete="name"
          />
          <TextInput
            label="What you do about it"
            value={comment}
            onChange={(event) => setComment(event.currentTarget.value)}
          />
          {ack.isError && (
            <p role="alert" className={classes.error}>
              {ack.error.message}
            </p>
          )}
          <Button type="submit" loading={ack.isPending}>
            I take care of it
          </Button>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}
