/** What the pages of agents and tools ask the server. */
import { queryOptions } from "@tanstack/react-query";
import { plainText } from "@/lib/conversation";
import { api, must } from "./client";
import { runQuery, runSql, stepQuery } from "./queries";
import type { Step } from "./types";

/** Agents and who calls whom. */
export const agentsQuery = (question: { from: string; to?: string; environment?: string }) =>
  queryOptions({
    queryKey: ["agents", question],
    queryFn: ({ signal }) => must(api.GET("/api/v1/agents", { params: { query: question }, signal })),
    placeholderData: (before) => before,
  });

/** What changed in an agent: told, or seen in its runs. */
export const agentChangesQuery = (agent: string, range: { from: string; to: string }) =>
  queryOptions({
    queryKey: ["agent-changes", agent, range],
    queryFn: ({ signal }) =>
      must(api.GET("/api/v1/changes", { params: { query: { ...range, agent: [agent], limit: 50 } }, signal })),
    placeholderData: (before) => before,
  });

/** A question in SQL that a page asks, kept like other answers. */
export const sqlQuery = (sql: string) =>
  queryOptions({
    queryKey: ["sql", sql],
    queryFn: ({ signal }) => runSql(sql, signal),
    placeholderData: (before) => before,
    staleTime: 15_000,
  });

/** What an agent was made of in a run: instructions, tools, model, as its first model call was sent them. */
export interface Make {
  traceId: string;
  spanId?: string;
  prompt?: string;
  tools: { name: string; text: string }[];
  model?: string;
}

export const makeQuery = (traceId: string, agent: string) =>
  queryOptions({
    queryKey: ["make", traceId, agent],
    queryFn: async ({ client }): Promise<Make> => {
      const { steps } = await client.fetchQuery(runQuery(traceId));
      const call = steps.find((step: Step) => step.kind === "llm" && step.agent === agent);
      if (!call) return { traceId, tools: [] };
      const { step } = await client.fetchQuery(stepQuery(traceId, call.span_id));
      const system = step.messages.input.find((message) => message.role === "system");
      const prompt = system && plainText(system);
      return {
        traceId,
        spanId: call.span_id,
        prompt: prompt || undefined,
        model: call.model ?? undefined,
        tools: step.tool_definitions.map((tool) => ({
          name: tool.name,
          text: JSON.stringify({ description: tool.description, parameters: tool.parameters }, null, 1),
        })),
      };
    },
    staleTime: 5 * 60_000,
  });
