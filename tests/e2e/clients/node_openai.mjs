// The npm package `openai`, found in NODE_PACKAGES: whole, streamed with tools, errors.

import { createRequire } from "node:module";

const require = createRequire(process.env.NODE_PACKAGES + "/");
const OpenAI = require("openai").default;
const client = new OpenAI({ maxRetries: 0 });
const tools = [{ type: "function", function: { name: "kb_search", parameters: { type: "object" } } }];
const messages = [{ role: "user", content: "please refund my duplicate charge of March" }];

async function attempt(name, action) {
  let saw;
  try {
    saw = await action();
  } catch (error) {
    saw = { raised: error.constructor.name, message: error.message, status: error.status ?? null };
  }
  console.log(JSON.stringify({ case: name, saw }));
}

async function streamed(model) {
  const chunks = [];
  const stream = await client.chat.completions.create({ model, messages, tools, stream: true });
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

await attempt("whole", () => client.chat.completions.create({ model: "gpt-5-mini", messages }));
await attempt("embeddings", () =>
  client.embeddings.create({ model: "e", input: "a", encoding_format: "float" }));
for (const model of ["gpt-5-mini", "status-401", "status-429", "status-500", "error-in-stream"])
  await attempt(`streamed ${model}`, () => streamed(model));
