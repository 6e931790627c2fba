// Node's own fetch: whole answers, streams, failures. Its streams join pieces as it pleases, so the
// boundaries are looked at with the https module.

import { createHash } from "node:crypto";
import https from "node:https";

const BASE = "https://upstream.test";

const digest = (parts) => ({
  size: parts.reduce((sum, part) => sum + part.length, 0),
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

const boundaries = (target) =>
  new Promise((resolve, reject) => {
    const request = https.get(BASE + target, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve([parts.map((part) => part.length), digest(parts)]));
      answer.on("error", reject);
    });
    request.on("error", reject);
  });

const targets = [
  "/fixed?size=0", "/fixed?size=5000", "/fixed?status=500", "/empty?status=204", "/headers",
  "/encoded?coding=gzip", "/encoded?coding=br&pieces=3",
  "/flaky?key=1&fail=1", "/flaky?key=1&fail=1",
  "/chunked?sizes=1,10,100,1000", "/cut?after=3", "/short?declared=100&sent=40", "/reset?after=-1",
];
for (const target of targets) await attempt(target, () => read(target));
await attempt("upload", () => read("/upload", { method: "POST", body: "x".repeat(100000) }));
await attempt("boundaries", () => boundaries("/chunked?sizes=7,70,700"));
await attempt("side by side", () =>
  Promise.all([0, 1, 2, 3].map((index) => read(`/chunked?sizes=5,50,500&seed=s${index}`))));
