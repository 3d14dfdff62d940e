/** What the settings ask and change. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { headOf, type Stretch, stretchTo } from "@/lib/settings";
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

/** Entries of the audit log that are asked for at once. */
const AUDIT_PAGE = 500;
/** So many pages may hold nothing of the project, as numbers are counted over all of them, until somebody asks on. */
const AUDIT_EMPTY = 20;

/** Whether the log is whole, and from which entry to which it goes. */
export const auditCheckQuery = (of: "people" | "agents") =>
  queryOptions({
    queryKey: ["audit", "check", of],
    queryFn: ({ signal }) => must(api.GET("/api/v1/audit/verify", { params: { query: { of } }, signal })),
  });

/** The audit log, newest first; the server has it oldest first, from any number on. */
export const auditQuery = (of: "people" | "agents", check: { head: string; first: number }) =>
  infiniteQueryOptions({
    queryKey: ["audit", "entries", of, check.head],
    initialPageParam: stretchTo(headOf(check.head), check.first, AUDIT_PAGE),
    queryFn: async ({ pageParam, signal }) => {
      let stretch: Stretch | undefined = pageParam;
      for (let page = 0; stretch && page < AUDIT_EMPTY; page += 1) {
        const { after, upTo }: Stretch = stretch;
        const answer = await must(api.GET("/api/v1/audit", { params: { query: { of, after } }, signal }));
        const entries = answer.entries.filter((entry) => entry.seq <= upTo).reverse();
        stretch = stretchTo(after, check.first, AUDIT_PAGE);
        if (entries.length > 0) return { entries, next: stretch };
      }
      return { entries: [], next: stretch };
    },
    getNextPageParam: (last) => last.next,
    placeholderData: (before) => before,
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

export interface UserChange {
  disabled?: boolean;
  password?: string;
  roles?: { project: string; role: string }[];
}

export const removeUser = (id: string) => done(api.DELETE("/api/v1/users/{id}", { params: { path: { id } } }));

export const changeUser = (id: string, body: UserChange) =>
  must(api.PATCH("/api/v1/users/{id}", { params: { path: { id } }, body: { roles: [], ...body } }));

export const testReceiver = (name: string) =>
  must(api.POST("/api/v1/receivers/{name}/test", { params: { path: { name } } }));

export const reprice = (dry_run: boolean) =>
  must(api.POST("/api/v1/costs/reprice", { body: { dry_run, since: null } }));
