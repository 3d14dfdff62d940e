/** What is asked before somebody is given another password or role, or is removed. */
import { Button, PasswordInput, Select } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { changeUser, meQuery, removeUser, type UserChange } from "@/api/settings";
import type { UserInfo } from "@/api/types";
import { ROLES } from "@/lib/settings";
import classes from "./Settings.module.css";

/** Characters a password has at least. */
export const PASSWORD = 12;

interface Props {
  who: UserInfo;
  onDone: () => void;
}

/** Tells the server, and lists people anew; what it refused stays in sight. */
function useTold<T>(tell: (what: T) => Promise<unknown>, onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: tell,
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["users"] });
      onDone();
    },
  });
}

const Refused = ({ error }: { error: Error | null }) =>
  error && (
    <p role="alert" data-tone="bad">
      {error.message}
    </p>
  );

export function Password({ who, onDone }: Props) {
  const [password, setPassword] = useState("");
  const change = useTold((body: UserChange) => changeUser(who.id, body), onDone);
  const ready = password.length >= PASSWORD;
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) change.mutate({ password });
      }}
    >
      <PasswordInput
        label="New password"
        description={`At least ${PASSWORD} characters. Wherever ${who.id} is signed in, that ends.`}
        autoComplete="new-password"
        data-autofocus
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
        visibilityToggleButtonProps={{ "aria-label": "Show the password" }}
      />
      <Refused error={change.error} />
      <Button type="submit" disabled={!ready} loading={change.isPending}>
        Set the password
      </Button>
    </form>
  );
}

export function Role({ who, onDone }: Props) {
  const me = useQuery(meQuery).data;
  const projects = [...new Set(["*", ...(me?.projects ?? []), ...who.roles.map(({ project }) => project)])];
  const [chosen, setChosen] = useState<string>();
  const project = chosen ?? me?.project ?? "*";
  const now = who.roles.find((each) => each.project === project)?.role;
  const [given, setGiven] = useState<string>();
  const role = given ?? now ?? "viewer";
  const change = useTold((body: UserChange) => changeUser(who.id, body), onDone);
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate({ roles: [{ project, role }] });
      }}
    >
      <Select
        label="In the project"
        allowDeselect={false}
        value={project}
        onChange={(value) => {
          setChosen(value ?? undefined);
          setGiven(undefined);
        }}
        data={projects.map((value) => ({ value, label: value === "*" ? "all projects" : value }))}
      />
      <Select
        label="Role"
        allowDeselect={false}
        value={role}
        onChange={(value) => setGiven(value ?? undefined)}
        data={[
          ...ROLES.map(([value, what]) => ({ value, label: `${value}: ${what}` })),
          ...(now ? [{ value: "none", label: "none: takes the role away" }] : []),
        ]}
      />
      <Refused error={change.error} />
      <Button type="submit" disabled={role === now} loading={change.isPending}>
        Give the role
      </Button>
    </form>
  );
}

export function Remove({ who, onDone }: Props) {
  const remove = useTold((id: string) => removeUser(id), onDone);
  return (
    <div className={classes.form}>
      <p>
        {who.id} can no longer sign in, and loses every role. What {who.id} did stays in the audit log. To shut the door
        for a while only, lock out instead.
      </p>
      <Refused error={remove.error} />
      <span className={classes.actions}>
        <Button color="red.9" loading={remove.isPending} onClick={() => remove.mutate(who.id)}>
          Remove {who.id}
        </Button>
        <Button variant="default" onClick={onDone}>
          Keep
        </Button>
      </span>
    </div>
  );
}
