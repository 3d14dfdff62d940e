/** The door: where the server asks who one is, the form that answers. */
import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { ApiError } from "@/api/client";
import { meQuery, signIn } from "@/api/settings";
import { Wordmark } from "@/ui/Logo";
import { useTitle } from "@/ui/useTitle";
import classes from "./SignIn.module.css";

/** Shows what is behind it, unless the server does not know who asks. */
export function Door({ children }: { children: ReactNode }) {
  const { error } = useQuery(meQuery);
  return error instanceof ApiError && error.status === 401 ? <SignIn /> : children;
}

function SignIn() {
  useTitle("Sign in");
  const client = useQueryClient();
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
