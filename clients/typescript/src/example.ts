// Declares a tenant, reads it back, and shows what a mistake looks like: TENANTRY_SERVER=… TENANTRY_TOKEN=… node dist/example.js
import { all, connect, done, events, TenantryError } from "./index.js";

const url = process.env["TENANTRY_SERVER"] ?? "http://127.0.0.1:7400";
const token = process.env["TENANTRY_TOKEN"] ?? "";
const tenantry = connect({ url, token });
const path = { tenant: "typed-ts" };

const seen = new AbortController();
const first = events({ url, token }, undefined, seen.signal).next();

const written = await done(
  tenantry.PUT("/v1/tenants/{tenant}/config", {
    params: { path, query: { reason: "an example" } },
    body: { tenant_config: { tenant: path.tenant, labels: { made: "here" }, autoscaling: { max_replicas: 7 } } },
  }),
);
console.log(`${written.document}: revision ${written.revision}`);

const names: string[] = [];
for await (const tenant of all((cursor) =>
  done(tenantry.GET("/v1/tenants", { params: { query: { limit: 1, ...(cursor ? { cursor } : {}) } } })),
)) {
  if (tenant.id !== undefined) names.push(tenant.id);
}
console.log(`tenants: ${names.join(", ")}`);
if (!names.includes(path.tenant)) throw new Error("what was written is not there");

const event = await first;
if (event.done || event.value.kind !== "revision") throw new Error("no revision was told of");
console.log(`told of: ${event.value.data.document}`);
seen.abort();

try {
  await done(
    tenantry.PUT("/v1/tenants/{tenant}/config", {
      params: { path },
      body: { tenant_config: { tenant: path.tenant, autoscaling: { min_replicas: 9, max_replicas: 7 } } },
    }),
  );
  throw new Error("limits that contradict each other were taken");
} catch (error) {
  if (!(error instanceof TenantryError)) throw error;
  console.log(`refused: ${error.problem.code}, ${error.problem.problems?.[0]?.message}`);
}
