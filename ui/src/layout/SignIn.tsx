/** The door: where the server asks who one is, the form that answers; and in which project one is, where there are several. */
import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter, useSearch } from "@tanstack/react-router";
import { type ReactNode, useEffect, useState } from "react";
import { ApiError } from "@/api/client";
import { chosenProject, settleProject } from "@/api/project";
import { loginWaysQuery, meQuery, signIn } from "@/api/settings";
import { Wordmark } from "@/ui/Logo";
import { ErrorState } from "@/ui/States";
import { useTitle } from "@/ui/useTitle";
import classes from "./SignIn.module.css";

/** Where somebody wanted to go who was sent to another server to sign in: that one sends them back to the first page. */
const WANTED = "tawny.wanted";

/** Whether the server asks who one is: then there is nothing to be shown but the form. */
export function useUnknown(): boolean {
  const { error } = useQuery(meQuery);
  return error instanceof ApiError && error.status === 401;
}

/** Shows what is behind it, unless one has no part in the project of the address. */
export function Door({ children }: { children: ReactNode }) {
  const router = useRouter();
  const { data: me, error } = useQuery(meQuery);
  useEffect(() => {
    if (!me) return;
    const wanted = sessionStorage.getItem(WANTED);
    sessionStorage.removeItem(WANTED);
    if (wanted && wanted !== here()) {
      window.location.replace(wanted);
      return;
    }
    if (me.projects.length < 2) return;
    settleProject(me.project);
    // So that a copied address shows the same to somebody who usually looks at another project.
    if (new URLSearchParams(window.location.search).get("project") !== me.project)
      void router.navigate({ to: ".", search: (before) => ({ ...before, project: me.project }), replace: true });
  }, [me, router]);
  const { project } = useSearch({ strict: false });
  useEffect(() => {
    // A link to another project: nothing that was answered so far is about it.
    if (project && project !== chosenProject()) window.location.reload();
  }, [project]);
  if (!(error instanceof ApiError)) return children;
  return chosenProject() && (error.status === 403 || error.status === 400) ? <Elsewhere error={error} /> : children;
}

const here = () => window.location.pathname + window.location.search;

/** The address names a project that one has no part in. */
function Elsewhere({ error }: { error: ApiError }) {
  useTitle("Another project");
  return (
    <ErrorState
      page
      error={error}
      what="this project"
      action={
        // An empty name leaves the one that was kept.
        <Button component="a" variant="default" href="/overview?project=">
          Go to your own project
        </Button>
      }
    />
  );
}

export function SignIn() {
  useTitle("Sign in");
  const client = useQueryClient();
  const { data: ways } = useQuery(loginWaysQuery);
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const enter = useMutation({
    mutationFn: () => signIn(name.trim(), password),
    onSuccess: () => client.resetQueries(),
  });
  const ready = name.trim() !== "" && password !== "";
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) enter.mutate();
      }}
    >
      <Wordmark />
      <h1>Sign in</h1>
      {ways?.oidc && (
        <>
          <Button
            component="a"
            href="/api/v1/login/oidc"
            variant="default"
            onClick={() => sessionStorage.setItem(WANTED, here())}
          >
            Sign in with your organisation
          </Button>
          <p className={classes.or}>or with a name and password of this server</p>
        </>
      )}
      <TextInput
        label="Name"
        autoComplete="username"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <PasswordInput
        label="Password"
        autoComplete="current-password"
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
        visibilityToggleButtonProps={{ "aria-label": "Show the password" }}
      />
      {enter.isError && (
        <p role="alert" data-tone="bad">
          {enter.error.message}
        </p>
      )}
      <Button type="submit" disabled={!ready} loading={enter.isPending}>
        Sign in
      </Button>
      <p className="faint">
        Nobody has an account yet? On the machine of the server: <code className="mono">tawny users add NAME</code>.
      </p>
    </form>
  );
}
