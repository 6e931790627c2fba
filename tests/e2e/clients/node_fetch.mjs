// Node's own fetch: whole answers, streams piece by piece, failures.

import { createHash } from "node:crypto";

const BASE = "https://upstream.test";

const digest = (parts) => ({
  sizes: parts.map((part) => part.length),
  sha256: parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest("hex"),
});

async function attempt(name, action) {
  let saw;
  try {
    saw = await action();
  } catch (error) {
    const cause = error.cause ?? {};
    saw = { raised: error.name, message: error.message, cause: cause.code ?? cause.message ?? null };
  }
  console.log(JSON.stringify({ case: name, saw }));
}

async function read(target, options) {
  const answer = await fetch(BASE + target, options);
  const parts = [];
  if (answer.body) for await (const part of answer.body) parts.push(Buffer.from(part));
  return [answer.status, answer.statusText, [...answer.headers], digest(parts)];
}

const targets = [
  "/fixed?size=0", "/fixed?size=5000", "/fixed?status=500", "/empty?status=204", "/headers",
  "/encoded?coding=gzip", "/encoded?coding=br&pieces=3",
  "/flaky?key=1&fail=1", "/flaky?key=1&fail=1",
  "/chunked?sizes=1,10,100,1000", "/cut?after=3", "/short?declared=100&sent=40", "/reset?after=-1",
];
for (const target of targets) await attempt(target, () => read(target));
await attempt("upload", () => read("/upload", { method: "POST", body: "x".repeat(100000) }));
await attempt("side by side", () =>
  Promise.all([0, 1, 2, 3].map((index) => read(`/chunked?sizes=5,50,500&seed=s${index}`))));
