// Reads one JSON object a line: first {"sdl"}, then cases. For each case it writes
// one line: {"errors"} where GraphQL refuses the shape, else {"documents"}, by
// country: the JSON of the document, or null where it does not exist there. A case
// without a world is validated only.

import { createInterface } from 'node:readline';
import { buildSchema, executeSync, parse, validate } from 'graphql';
import { Facts } from './facts.mjs';
import { Query } from './resolvers.mjs';

// Whether a document exists: what its key names is there and is not empty.
const exists = {
  '': () => true,
  title: (query, keys) => query.title({ id: keys.title }) !== null,
  collection: (query, keys) => query.collection({ id: keys.collection }) !== null,
  page: (query, keys) => (query.collection({ id: keys.collection })?.titles({ page: keys.page }) ?? []).length > 0,
  prefix: (query, keys) => query.search({ prefix: keys.prefix }).length > 0,
};

function run(schema, test) {
  const document = parse(test.shape);
  const errors = validate(schema, document);
  if (errors.length > 0) return { errors: errors.map(String) };
  if (!test.world) return { documents: {} };
  const documents = {};
  for (const country of test.world.edition.countries) {
    const rootValue = new Query(new Facts(test.world, country), test.pageSize);
    const result = executeSync({ schema, document, rootValue, variableValues: test.keys });
    if (result.errors) return { errors: result.errors.map(String) };
    documents[country] = exists[test.key](rootValue, test.keys) ? JSON.stringify(result.data) : null;
  }
  return { documents };
}

let schema;
for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  if (message.sdl) schema = buildSchema(message.sdl);
  else process.stdout.write(JSON.stringify(run(schema, message)) + '\n');
}
