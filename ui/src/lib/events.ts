/** Server-sent events out of text as it arrives: what a browser's EventSource does, for requests with a header. Pure. */

export interface ServerEvent {
  name: string;
  data: string;
}

/** Takes text in any pieces, gives the events that are whole. */
export class EventReader {
  private rest = "";

  take(text: string): ServerEvent[] {
    const blocks = (this.rest + text).split(/\r?\n\r?\n/);
    this.rest = blocks.pop() ?? "";
    return blocks.flatMap((block) => read(block) ?? []);
  }
}

/** An event of its lines; nothing for one that only keeps the connection. */
function read(block: string): ServerEvent | undefined {
  let name = "message";
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field, value] = /^(\w+):? ?(.*)$/.exec(line) ?? [];
    if (field === "event") name = value ?? "";
    else if (field === "data") data.push(value ?? "");
  }
  return data.length > 0 ? { name, data: data.join("\n") } : undefined;
}
