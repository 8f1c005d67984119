// Uses the generated client against a running server: creates, reads, changes,
// conflicts, lists and deletes a title, and says what came of it as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { env: Record<string, string | undefined> };

const client = createClient<paths>({
  baseUrl: process.env.URL!,
  headers: { Authorization: `Bearer ${process.env.TOKEN}` },
});
const path = { id: "made-with-typescript" };
const title: components["schemas"]["Title"] = { kind: "movie", texts: { name: { en: "Typed" } } };

const created = await client.PUT("/titles/{id}", { params: { path, header: { "If-None-Match": "*" } }, body: title });
const read = await client.GET("/titles/{id}", { params: { path } });
const tag = read.response.headers.get("ETag")!;
const change: components["schemas"]["TitlePatch"] = { year: 2001, texts: { name: { fi: "Tyypitetty" } } };
const edit = (expected: string) =>
  client.PATCH("/titles/{id}", {
    params: { path, header: { "If-Match": expected } },
    body: change,
    headers: { "Content-Type": "application/merge-patch+json" },
  });
const patched = await edit(tag);
const conflict = await edit(tag);
const refused = await client.PUT("/titles/{id}", {
  params: { path, header: { "If-Match": "*" } },
  body: { kind: "movie", texts: { name: { "e_n": "no locale" } } },
});
const list = await client.GET("/titles", { params: { query: { q: "tyypi", limit: 10 } } });
const bulk = await client.POST("/records", { body: [{ type: "title", id: path.id, op: "merge", year: 2002 }] });
const changes = await client.GET("/changes", { params: { query: { after: 0 } } });
const removed = await client.DELETE("/titles/{id}", { params: { path, header: { "If-Match": "*" } } });

const year: number | undefined = patched.data?.year;
const problem: components["schemas"]["Problem"] | undefined = conflict.error;
console.log(
  JSON.stringify({
    created: created.response.status,
    read: read.data?.texts?.name?.en,
    patched: year,
    conflict: problem?.status,
    location: refused.error?.errors?.[0]?.location,
    listed: list.data?.items.map((item) => item.record.id),
    changed: bulk.data?.changed,
    actions: changes.data?.items.map((item) => item.action),
    removed: removed.response.status,
  }),
);
