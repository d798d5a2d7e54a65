// A typed client of Tenantry's HTTP API. All paths, parameters and answers are of schema/openapi.json.
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type { components, operations, paths } from "./schema.js";

/** Why a request was not done (RFC 9457). */
export type Problem = components["schemas"]["Problem"];

/** What a server tells of as it happens. */
export type TenantryEvent =
  | { id: string; kind: "revision"; data: components["schemas"]["RevisionEvent"] }
  | { id: string; kind: "intervention"; data: components["schemas"]["InterventionEvent"] }
  | { id: string; kind: "decision"; data: components["schemas"]["Decision"] };

export interface Options {
  /** Where the server is, such as `https://tenantry.example:7400`. */
  url: string;
  /** A token, or what gives one that is valid now. */
  token?: string | (() => string | Promise<string>);
  /** Instead of the global `fetch`, for authorities and certificates of one's own. */
  fetch?: typeof globalThis.fetch;
}

/** A problem as an exception. */
export class TenantryError extends Error {
  override readonly name = "TenantryError";
  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
  }
}

export type Tenantry = Client<paths>;

/** A client: `connect({ url, token }).GET("/v1/tenants/{tenant}", { params: { path: { tenant: "acme" } } })`. */
export function connect(options: Options): Tenantry {
  const client = createClient<paths>({
    baseUrl: options.url,
    ...(options.fetch ? { fetch: (request: Request) => options.fetch!(request) } : {}),
  });
  client.use({
    async onRequest({ request }) {
      const bearer = await tokenOf(options);
      if (bearer !== undefined) request.headers.set("authorization", `Bearer ${bearer}`);
      return request;
    },
  });
  return client;
}

async function tokenOf(options: Options): Promise<string | undefined> {
  return typeof options.token === "function" ? await options.token() : options.token;
}

/** The answer's data; a problem is thrown. */
export async function done<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await asked;
  if (error !== undefined) throw new TenantryError(error as Problem);
  if (data === undefined) throw new Error(`${response.status} without an answer`);
  return data;
}

interface Page<T> {
  items: T[];
  next?: string | null | undefined;
}

/** All items of a list, page after page: `for await (const tenant of all((cursor) => done(client.GET(…))))`. */
export async function* all<T>(page: (cursor: string | undefined) => Promise<Page<T>>): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const { items, next } = await page(cursor);
    yield* items;
    cursor = next ?? undefined;
  } while (cursor !== undefined);
}

/** Follows events from now on, or from after one that was seen; ends when the server ends or `signal` aborts. */
export async function* events(options: Options, after?: string, signal?: AbortSignal): AsyncGenerator<TenantryEvent> {
  const headers: Record<string, string> = { accept: "text/event-stream" };
  const bearer = await tokenOf(options);
  if (bearer !== undefined) headers["authorization"] = `Bearer ${bearer}`;
  if (after !== undefined) headers["last-event-id"] = after;
  const ask = options.fetch ?? globalThis.fetch;
  const response = await ask(new URL("/v1/events", options.url), { headers, ...(signal ? { signal } : {}) });
  if (!response.ok) throw new TenantryError((await response.json()) as Problem);
  if (response.body === null) return;
  let text = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const event = read(text.slice(0, end));
      text = text.slice(end + 2);
      if (event !== undefined) yield event;
    }
  }
}

function read(block: string): TenantryEvent | undefined {
  const fields = new Map<string, string>();
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    // A line that begins with a colon is there to keep the connection open.
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trimStart());
  }
  const [id, kind, data] = [fields.get("id"), fields.get("event"), fields.get("data")];
  if (id === undefined || kind === undefined || data === undefined) return undefined;
  return { id, kind, data: JSON.parse(data) } as TenantryEvent;
}
