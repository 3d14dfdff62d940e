/** What the settings ask and change. */
import { queryOptions } from "@tanstack/react-query";
import { api, must } from "./client";

export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/me", { signal })),
  staleTime: 60_000,
});

export const keysQuery = queryOptions({
  queryKey: ["keys"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/keys", { signal })),
});

export const usersQuery = queryOptions({
  queryKey: ["users"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/users", { signal })),
});

export const retentionQuery = queryOptions({
  queryKey: ["retention"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/retention", { signal })),
});

export const receiversQuery = queryOptions({
  queryKey: ["receivers"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/receivers", { signal })),
});

export const storeQuery = queryOptions({
  queryKey: ["store"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/store", { signal })),
});

export const policyQuery = queryOptions({
  queryKey: ["policy"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/policy", { signal })),
});

export const makeKey = (name: string, scopes: string[]) => must(api.POST("/api/v1/keys", { body: { name, scopes } }));

export const rotateKey = (id: string) => must(api.POST("/api/v1/keys/{id}/rotate", { params: { path: { id } } }));

/** How people sign in. */
export const loginWaysQuery = queryOptions({
  queryKey: ["login-ways"],
  queryFn: ({ signal }) => must(api.GET("/api/v1/login", { signal })),
  staleTime: Number.POSITIVE_INFINITY,
});

/** An answer without a body is an answer. */
const done = async (call: Promise<{ error?: unknown; response: Response }>) => {
  const { error, response } = await call;
  return must(Promise.resolve({ data: response.ok || undefined, error, response }));
};

export const signIn = (name: string, password: string) => done(api.POST("/api/v1/login", { body: { name, password } }));

export const signOut = () => done(api.POST("/api/v1/logout"));

export const revokeKey = (id: string) => done(api.DELETE("/api/v1/keys/{id}", { params: { path: { id } } }));

export const addUser = (name: string, password: string, project: string, role: string) =>
  must(api.POST("/api/v1/users", { body: { name, password, roles: [{ project, role }] } }));

export const changeUser = (id: string, body: { disabled?: boolean; roles?: { project: string; role: string }[] }) =>
  must(api.PATCH("/api/v1/users/{id}", { params: { path: { id } }, body: { roles: [], ...body } }));

export const testReceiver = (name: string) =>
  must(api.POST("/api/v1/receivers/{name}/test", { params: { path: { name } } }));

export const reprice = (dry_run: boolean) =>
  must(api.POST("/api/v1/costs/reprice", { body: { dry_run, since: null } }));
