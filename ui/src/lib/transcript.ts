/**
 * A run told as one conversation: every message once, in the order it was said, tool calls with what the tool really
 * answered, and the work of sub-agents folded into the place where it happened.
 *
 * A model is sent its whole conversation again with every call; here each message appears when it is first seen.
 */
import type { Message, Part, Step } from "@/api/types";
import { buildTree, type Node } from "./tree";

export interface MessageEntry {
  type: "message";
  step: Step;
  message: Message;
  /** The run's own input or output, where no step carries it as a message. */
  ofRun?: boolean;
}

export interface ToolEntry {
  type: "tool";
  /** The model's request, where it is in sight. */
  call?: Extract<Part, { type: "tool_call" }>;
  /** The step that asked, or the tool step itself. */
  step: Step;
  /** The step that ran the tool. */
  ran?: Step;
  /** The answer as the model was given it, where no step ran. */
  told?: unknown;
  children: Entry[];
}

export interface AgentEntry {
  type: "agent";
  step: Step;
  /** Steps below it. */
  size: number;
  /** No agent is above it. */
  top: boolean;
  children: Entry[];
}

/** How often each message was shown: the same words said twice are two messages. */
type Seen = Map<string, number>;

/** A step worth a line of its own: retrieval, guardrail, hand-off, evaluation, or any failure. */
export interface MarkEntry {
  type: "mark";
  step: Step;
}

export type Entry = MessageEntry | ToolEntry | AgentEntry | MarkEntry;

const MARKED: ReadonlySet<Step["kind"]> = new Set(["retriever", "guardrail", "handoff", "evaluator"]);

const PLUMBING: ReadonlySet<Step["kind"]> = new Set(["chain", "other", ...MARKED]);

export function transcript(steps: readonly Step[]): Entry[] {
  return new Teller(steps).tell();
}

class Teller {
  private readonly nodes: Node<Step>[];
  private readonly toolByCall = new Map<string, Node<Step>>();
  private readonly toolsByAsker = new Map<string, Node<Step>[]>();
  private readonly told = new Set<Node<Step>>();
  private readonly answers = new Map<string, unknown>();
  private readonly onlyCounted: boolean;
  private readonly topAgents: number;

  constructor(steps: readonly Step[]) {
    this.nodes = buildTree(steps);
    for (const node of this.nodes) {
      const { step } = node;
      if (step.kind === "tool") {
        if (step.tool?.call_id) this.toolByCall.set(step.tool.call_id, node);
        if (step.called_by)
          this.toolsByAsker.set(step.called_by, [...(this.toolsByAsker.get(step.called_by) ?? []), node]);
      }
      for (const message of step.messages.input) {
        for (const part of message.parts) {
          if (part.type === "tool_result" && part.id) this.answers.set(part.id, part.result);
        }
      }
    }
    this.topAgents = this.nodes.filter((node) => node.step.kind === "agent" && this.isTop(node)).length;
    // A call told twice is shown once: where the counted telling has the words, the other is left out.
    this.onlyCounted = steps.some((step) => step.kind === "llm" && step.counted && hasMessages(step));
  }

  tell(): Entry[] {
    const roots = this.nodes.filter((node) => node.parent < 0);
    const seen: Seen = new Map();
    const entries = roots.flatMap((node) => this.visit(node, seen, true));
    const first = roots[0]?.step;
    if (!first) return entries;
    const said = (role: Message["role"]) =>
      entries.some((entry) => entry.type === "message" && entry.message.role === role);
    if (!said("user") && first.input != null) entries.unshift(ofRun(first, "user", first.input));
    if (!said("assistant") && first.output != null) entries.push(ofRun(first, "assistant", first.output));
    return entries;
  }

  /** Only plumbing is above it. */
  private isTop(node: Node<Step>): boolean {
    for (let up = node.parent; up >= 0; up = this.nodes[up]!.parent) {
      if (!PLUMBING.has(this.nodes[up]!.step.kind)) return false;
    }
    return true;
  }

  private children(node: Node<Step>): Node<Step>[] {
    const out: Node<Step>[] = [];
    for (let at = node.index + 1; at < node.end; at = this.nodes[at]!.end) out.push(this.nodes[at]!);
    return out;
  }

  private below(node: Node<Step>, seen: Seen, top = false): Entry[] {
    return this.children(node).flatMap((child) => this.visit(child, seen, top));
  }

  private visit(node: Node<Step>, seen: Seen, top: boolean): Entry[] {
    const { step } = node;
    switch (step.kind) {
      case "agent": {
        if (top && this.topAgents === 1) return [...this.below(node, seen), ...failure(step)];
        const children = this.below(node, new Map());
        return [{ type: "agent", step, size: node.end - node.index - 1, top, children }];
      }
      case "llm": {
        const own = this.onlyCounted && !step.counted && step.not_counted_because ? [] : this.call(step, seen);
        return [...own, ...failure(step), ...this.below(node, seen)];
      }
      case "tool":
        return this.told.has(node) ? [] : [this.ran(node, step)];
      default: {
        const own: Entry[] = MARKED.has(step.kind) ? [{ type: "mark", step }] : failure(step);
        // Plumbing around the agents does not make them sub-agents.
        return [...own, ...this.below(node, seen, top)];
      }
    }
  }

  private call(step: Step, seen: Seen): Entry[] {
    const out: Entry[] = [];
    const here: Seen = new Map();
    for (const message of step.messages.input) {
      const key = fingerprint(message);
      const times = (here.get(key) ?? 0) + 1;
      here.set(key, times);
      if (times <= (seen.get(key) ?? 0)) continue;
      seen.set(key, times);
      // Answers stand with the calls they answer; so do calls the model is reminded of.
      const parts = message.parts.filter((part) => part.type !== "tool_result" && part.type !== "tool_call");
      if (parts.length > 0) out.push({ type: "message", step, message: { ...message, parts } });
    }
    for (const message of step.messages.output) {
      const key = fingerprint(message);
      seen.set(key, (seen.get(key) ?? 0) + 1);
      const parts = message.parts.filter((part) => part.type !== "tool_call");
      if (parts.length > 0) out.push({ type: "message", step, message: { ...message, parts } });
      for (const part of message.parts) if (part.type === "tool_call") out.push(this.asked(step, part));
    }
    return out;
  }

  private asked(step: Step, call: Extract<Part, { type: "tool_call" }>): ToolEntry {
    const byId = call.id ? this.toolByCall.get(call.id) : undefined;
    const byOrder = () =>
      this.toolsByAsker.get(step.span_id)?.find((node) => !this.told.has(node) && node.step.tool?.name === call.name);
    const node = byId && !this.told.has(byId) ? byId : byOrder();
    if (node) return this.ran(node, step, call);
    return { type: "tool", call, step, told: call.id ? this.answers.get(call.id) : undefined, children: [] };
  }

  private ran(node: Node<Step>, asker: Step, call?: ToolEntry["call"]): ToolEntry {
    this.told.add(node);
    return { type: "tool", call, step: asker, ran: node.step, children: this.below(node, new Map()) };
  }
}

const hasMessages = (step: Step) => step.messages.input.length > 0 || step.messages.output.length > 0;

const failure = (step: Step): Entry[] => (step.status === "error" && step.error ? [{ type: "mark", step }] : []);

function ofRun(step: Step, role: Message["role"], value: unknown): MessageEntry {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return { type: "message", step, message: { role, parts: [{ type: "text", text }] }, ofRun: true };
}

/** Two messages with the same speaker and words are the same message. Why the model stopped is no part of what it said. */
function fingerprint(message: Message): string {
  return JSON.stringify([message.role, message.parts]);
}
