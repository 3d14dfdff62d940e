/** Makes a silence: which alerts, for how long, who and why, with the alerts it would mute now. */
import { Button, Modal, SegmentedControl, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { alertsQuery, makeSilence } from "@/api/alerting";
import { plural } from "@/lib/format";
import { mutedBy } from "@/lib/matchers";
import { useName } from "@/ui/useName";
import classes from "./Alerts.module.css";

const LENGTHS = ["30m", "2h", "8h", "1d", "7d"];

interface Props {
  /** Conditions to begin with; absent while no silence is made. */
  matchers: string | undefined;
  onClose: () => void;
}

export function SilenceForm({ matchers, onClose }: Props) {
  return (
    <Modal
      opened={matchers !== undefined}
      onClose={onClose}
      title="Silence alerts"
      size="md"
      centered
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {matchers !== undefined && <Form initial={matchers} onClose={onClose} />}
    </Modal>
  );
}

function Form({ initial, onClose }: { initial: string; onClose: () => void }) {
  const [matchers, setMatchers] = useState(initial);
  const [duration, setDuration] = useState("2h");
  const [comment, setComment] = useState("");
  const [name, setName] = useName();
  // Where one begins to write: at the first that is empty.
  const [first] = useState(initial === "" ? "matchers" : name === "" ? "name" : "comment");
  const client = useQueryClient();
  const alerts = useQuery(alertsQuery).data?.alerts;
  const muted =
    alerts &&
    mutedBy(
      matchers,
      alerts.filter((alert) => alert.state !== "resolved"),
    );
  const make = useMutation({
    mutationFn: () => makeSilence({ matchers, duration, created_by: name, comment }),
    onSuccess: async () => {
      await Promise.all([
        client.invalidateQueries({ queryKey: ["silences"] }),
        client.invalidateQueries({ queryKey: ["alerts"] }),
      ]);
      onClose();
    },
  });
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        make.mutate();
      }}
    >
      <TextInput
        label="Which alerts"
        description={'Labels and what they must be: alertname="X", agent_id=~"a|b"'}
        value={matchers}
        onChange={(event) => setMatchers(event.currentTarget.value)}
        spellCheck={false}
        required
        styles={{ input: { fontFamily: "var(--t-mono)", fontSize: 12 } }}
        data-autofocus={first === "matchers" || undefined}
      />
      <p className={classes.formNote} role="status">
        {muted === undefined
          ? matchers.trim() && "Written like this it names no alert yet."
          : muted.length > 0
            ? `Mutes ${plural(muted.length, "alert")} now: ${[...new Set(muted.map((alert) => alert.name))].slice(0, 4).join(", ")}.`
            : "Mutes no alert of now; those to come that match stay quiet."}
      </p>
      <div className={classes.field}>
        <span id="silence-length">For how long</span>
        <SegmentedControl
          size="xs"
          aria-labelledby="silence-length"
          data={LENGTHS}
          value={duration}
          onChange={setDuration}
        />
      </div>
      <TextInput
        label="Your name"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        required
        autoComplete="name"
        data-autofocus={first === "name" || undefined}
      />
      <TextInput
        label="Why"
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
        required
        data-autofocus={first === "comment" || undefined}
      />
      {make.isError && (
        <p role="alert" className={classes.error}>
          {make.error.message}
        </p>
      )}
      <div className={classes.formActions}>
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit" loading={make.isPending}>
          Silence
        </Button>
      </div>
    </form>
  );
}
