/** Keys for programs: made, rotated, revoked. A secret is shown once, here, and kept nowhere. */
import { Button, Checkbox, Modal, TextInput } from "@mantine/core";
import { IconKey } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { keysQuery, makeKey, meQuery, revokeKey, rotateKey } from "@/api/settings";
import type { KeyInfo } from "@/api/types";
import { SCOPES } from "@/lib/settings";
import { BoardPanel, Chips, type Column, Grid, Nothing, Table } from "@/ui/Board";
import { CopyButton } from "@/ui/CopyButton";
import { ErrorState, SkeletonRows } from "@/ui/States";
import { Ago } from "@/ui/Time";
import classes from "./Settings.module.css";

export function Keys() {
  const keys = useQuery(keysQuery);
  const me = useQuery(meQuery);
  const client = useQueryClient();
  const [secret, setSecret] = useState<{ name: string; key: string }>();
  const [revoking, setRevoking] = useState<KeyInfo>();
  const again = () => client.invalidateQueries({ queryKey: ["keys"] });
  const rotate = useMutation({
    mutationFn: (key: KeyInfo) => rotateKey(key.id),
    onSuccess: (made, key) => {
      setSecret({ name: key.name, key: made.key });
      void again();
    },
  });
  const revoke = useMutation({
    mutationFn: (key: KeyInfo) => revokeKey(key.id),
    onSuccess: () => {
      setRevoking(undefined);
      void again();
    },
  });
  const columns: Column<KeyInfo>[] = [
    { key: "name", name: "For", left: true, wide: true, cell: (row) => row.name },
    { key: "id", name: "Id", left: true, cell: (row) => <code className="mono">{row.id}</code> },
    { key: "scopes", name: "May", left: true, cell: (row) => <Chips of={row.scopes} /> },
    { key: "made", name: "Made", cell: (row) => <Ago at={row.created_at} /> },
    { key: "used", name: "Last used", cell: (row) => (row.last_used_at ? <Ago at={row.last_used_at} /> : "never") },
    {
      key: "do",
      name: "What to do",
      silent: true,
      cell: (row) =>
        row.revoked_at ? (
          <span className="faint">
            revoked <Ago at={row.revoked_at} />
          </span>
        ) : (
          <span className={classes.actions}>
            <Button
              variant="default"
              size="compact-xs"
              loading={rotate.isPending && rotate.variables?.id === row.id}
              aria-label={`Rotate ${row.name}`}
              onClick={() => rotate.mutate(row)}
            >
              Rotate
            </Button>
            <Button
              variant="default"
              size="compact-xs"
              aria-label={`Revoke ${row.name}`}
              onClick={() => setRevoking(row)}
            >
              Revoke
            </Button>
          </span>
        ),
    },
  ];
  return (
    <div className={classes.uneven}>
      <Grid>
        <BoardPanel
          title={`Keys of ${me.data?.project ?? "the project"}`}
          about="What a program shows to be let in. Only a hash of it is kept."
          span={8}
        >
          {keys.isPending ? (
            <SkeletonRows rows={4} />
          ) : keys.isError ? (
            <ErrorState error={keys.error} what="the keys" onRetry={() => void keys.refetch()} />
          ) : (
            <Table
              label="Keys"
              columns={columns}
              rows={[...keys.data.keys].sort((one, other) => Number(!!one.revoked_at) - Number(!!other.revoked_at))}
              rowKey={(row) => row.id}
              empty={
                <Nothing>
                  No key. As long as there is none, and nobody may sign in, the server lets everybody on this machine do
                  everything.
                </Nothing>
              }
            />
          )}
          {(rotate.error ?? revoke.error) && (
            <p role="alert" data-tone="bad">
              {(rotate.error ?? revoke.error)?.message}
            </p>
          )}
        </BoardPanel>
        <BoardPanel title="A new key" span={4}>
          <Make
            closes={me.data?.closed === false}
            onMade={(name, key) => {
              setSecret({ name, key });
              void again();
            }}
          />
        </BoardPanel>
        <Modal
          opened={secret !== undefined}
          onClose={() => setSecret(undefined)}
          title={`The key for ${secret?.name}`}
          closeOnClickOutside={false}
          closeButtonProps={{ "aria-label": "Close" }}
          centered
        >
          <p className="muted">This is the only time it is shown. Whoever has it may do what it is for.</p>
          <p className={classes.secret}>
            <code className="mono">{secret?.key}</code>
            <CopyButton text={secret?.key ?? ""} label="Copy the key" />
          </p>
          <p className="muted">
            Clients send it as <code className="mono">Authorization: Bearer …</code>; for OpenTelemetry set{" "}
            <code className="mono">OTEL_EXPORTER_OTLP_HEADERS</code>.
          </p>
        </Modal>
        <Modal
          opened={revoking !== undefined}
          onClose={() => setRevoking(undefined)}
          title={`Revoke ${revoking?.name}?`}
          closeButtonProps={{ "aria-label": "Close" }}
          centered
        >
          <p>Whatever uses it is turned away from now on. That cannot be taken back.</p>
          <p className={classes.actions} style={{ marginTop: 14 }}>
            <Button color="red.9" loading={revoke.isPending} onClick={() => revoking && revoke.mutate(revoking)}>
              Revoke it
            </Button>
            <Button variant="default" onClick={() => setRevoking(undefined)}>
              Keep it
            </Button>
          </p>
        </Modal>
      </Grid>
    </div>
  );
}

function Make({ closes, onMade }: { closes: boolean; onMade: (name: string, key: string) => void }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<string[]>(["ingest"]);
  const make = useMutation({
    mutationFn: () => makeKey(name.trim(), scopes),
    onSuccess: (made) => {
      onMade(name.trim(), made.key);
      setName("");
    },
  });
  const ready = name.trim() !== "" && scopes.length > 0;
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) make.mutate();
      }}
    >
      <TextInput
        label="What it is for"
        placeholder="checkout agent"
        maxLength={200}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Checkbox.Group label="It may" value={scopes} onChange={setScopes}>
        {SCOPES.map(([scope, what]) => (
          <Checkbox key={scope} value={scope} label={`${scope}: ${what}`} mt={12} size="xs" />
        ))}
      </Checkbox.Group>
      {closes && (
        <p data-tone="warn">
          It is the first: from then on the server asks everybody for a key or a password, and pages take no keys. Add
          yourself under{" "}
          <Link to="/settings/$section" params={{ section: "people" }}>
            People
          </Link>{" "}
          first, or this page is closed to you too.
        </p>
      )}
      {make.isError && (
        <p role="alert" data-tone="bad">
          {make.error.message}
        </p>
      )}
      <Button type="submit" disabled={!ready} loading={make.isPending} leftSection={<IconKey size={15} stroke={1.8} />}>
        Make the key
      </Button>
    </form>
  );
}
