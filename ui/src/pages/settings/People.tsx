/** People who may sign in, and what each may do. */
import { Button, Modal, PasswordInput, Select, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { addUser, changeUser, meQuery, type UserChange, usersQuery } from "@/api/settings";
import type { UserInfo } from "@/api/types";
import { ROLES } from "@/lib/settings";
import { BoardPanel, type Column, Grid, Nothing, Table } from "@/ui/Board";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";
import { PASSWORD, Password, Remove, Role } from "./Person";
import classes from "./Settings.module.css";

export function People() {
  const users = useQuery(usersQuery);
  const client = useQueryClient();
  const again = () => client.invalidateQueries({ queryKey: ["users"] });
  const change = useMutation({
    mutationFn: ({ id, ...body }: UserChange & { id: string }) => changeUser(id, body),
    onSettled: again,
  });
  const [asked, setAsked] = useState<{ what: "password" | "role" | "remove"; who: UserInfo }>();
  const done = () => setAsked(undefined);
  const columns: Column<UserInfo>[] = [
    { key: "name", name: "Name", left: true, wide: true, cell: (row) => row.id },
    {
      key: "roles",
      name: "Role",
      left: true,
      cell: (row) => (
        <span className={classes.roles}>
          {row.roles.map(({ project, role }) => (
            <Select
              key={project}
              size="xs"
              w={170}
              allowDeselect={false}
              aria-label={`Role of ${row.id} in ${project === "*" ? "all projects" : project}`}
              value={role}
              disabled={change.isPending}
              onChange={(next) => next && change.mutate({ id: row.id, roles: [{ project, role: next }] })}
              data={ROLES.map(([value]) => ({ value, label: `${value} in ${project === "*" ? "all" : project}` }))}
            />
          ))}
        </span>
      ),
    },
    {
      key: "in",
      name: "Signs in with",
      left: true,
      cell: (row) => (row.signs_in === "oidc" ? "single sign-on" : row.signs_in),
    },
    { key: "made", name: "Added", cell: (row) => <Ago at={row.created_at} /> },
    {
      key: "do",
      name: "What to do",
      silent: true,
      cell: (row) => (
        <span className={classes.actions}>
          <Button
            variant="default"
            size="compact-xs"
            aria-label={`Another role for ${row.id}`}
            onClick={() => setAsked({ what: "role", who: row })}
          >
            Role
          </Button>
          {row.signs_in === "password" && (
            <Button
              variant="default"
              size="compact-xs"
              aria-label={`Another password for ${row.id}`}
              onClick={() => setAsked({ what: "password", who: row })}
            >
              Password
            </Button>
          )}
          <Button
            variant="default"
            size="compact-xs"
            aria-label={`${row.disabled_at ? "Let in" : "Lock out"} ${row.id}`}
            onClick={() => change.mutate({ id: row.id, disabled: !row.disabled_at })}
          >
            {row.disabled_at ? "Let in again" : "Lock out"}
          </Button>
          <Button
            variant="default"
            size="compact-xs"
            aria-label={`Remove ${row.id}`}
            onClick={() => setAsked({ what: "remove", who: row })}
          >
            Remove
          </Button>
        </span>
      ),
    },
  ];
  return (
    <div className={classes.uneven}>
      <Grid>
        <BoardPanel title="People" about="What somebody may do holds in a project, or in all." span={8}>
          {users.isPending ? (
            <SkeletonRows rows={4} />
          ) : users.isError ? (
            <ErrorState error={users.error} what="the people" onRetry={() => void users.refetch()} />
          ) : (
            <Table
              label="People"
              columns={columns}
              rows={users.data.users}
              rowKey={(row) => row.id}
              empty={<Nothing>Nobody signs in. Once somebody may, the server asks everybody who they are.</Nothing>}
            />
          )}
          {change.isError && (
            <p role="alert" data-tone="bad">
              {change.error.message}
            </p>
          )}
        </BoardPanel>
        <BoardPanel title="Somebody new" span={4}>
          <Add first={users.data?.users.length === 0} onAdded={() => void again()} />
        </BoardPanel>
      </Grid>
      <Modal
        opened={asked !== undefined}
        onClose={done}
        title={
          asked &&
          { password: "Another password for", role: "Another role for", remove: "Remove" }[asked.what] +
            ` ${asked.who.id}`
        }
        closeButtonProps={{ "aria-label": "Close" }}
        centered
      >
        {asked?.what === "password" && <Password who={asked.who} onDone={done} />}
        {asked?.what === "role" && <Role who={asked.who} onDone={done} />}
        {asked?.what === "remove" && <Remove who={asked.who} onDone={done} />}
      </Modal>
    </div>
  );
}

function Add({ first, onAdded }: { first: boolean; onAdded: () => void }) {
  const me = useQuery(meQuery);
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<string>("viewer");
  const add = useMutation({
    // The first must be able to let others in.
    mutationFn: () =>
      addUser(name.trim(), password, first ? "*" : (me.data?.project ?? "default"), first ? "admin" : role),
    onSuccess: () => {
      setName("");
      setPassword("");
      onAdded();
    },
  });
  const ready = name.trim() !== "" && password.length >= PASSWORD;
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) add.mutate();
      }}
    >
      <TextInput
        label="Name"
        autoComplete="off"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <PasswordInput
        label="Password"
        description={`At least ${PASSWORD} characters`}
        autoComplete="new-password"
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
        visibilityToggleButtonProps={{ "aria-label": "Show the password" }}
      />
      {first ? (
        <p data-tone="warn">The first is administrator of all projects. From then on everybody has to sign in.</p>
      ) : (
        <Select
          label={`Role in ${me.data?.project ?? "the project"}`}
          allowDeselect={false}
          value={role}
          onChange={(value) => value && setRole(value)}
          data={ROLES.map(([value, what]) => ({ value, label: `${value}: ${what}` }))}
        />
      )}
      {add.isError && (
        <p role="alert" data-tone="bad">
          {add.error.message}
        </p>
      )}
      <Button type="submit" disabled={!ready} loading={add.isPending}>
        Add
      </Button>
    </form>
  );
}
