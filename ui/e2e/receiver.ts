/**
 * A service that takes messages about alerts, as a team's own would, and tells everybody what it was told. It listens where
 * `E2E_RECEIVER` says, which is where the receiver `e2e` of the server under test sends.
 */
import { createServer } from "node:http";

const PORT = process.env.E2E_RECEIVER;

export interface Message {
  receiver: string;
  alerts: { status: string; labels: Record<string, string>; annotations: Record<string, string> }[];
}

/** Whether there is one. */
export const LISTENS = PORT !== undefined;

/** Listens; what it gives stops it. */
export async function listen(): Promise<() => Promise<void>> {
  const told: unknown[] = [];
  const server = createServer(async (request, response) => {
    if (request.method === "POST") {
      let body = "";
      for await (const part of request) body += part;
      told.push(JSON.parse(body));
    }
    response.end(JSON.stringify(told));
  });
  await new Promise<void>((ready, failed) => server.once("error", failed).listen(Number(PORT), "127.0.0.1", ready));
  return () => new Promise((done) => server.close(() => done()));
}

/** Everything it was told. */
export async function told(): Promise<Message[]> {
  return (await fetch(`http://127.0.0.1:${PORT}/`)).json() as Promise<Message[]>;
}
