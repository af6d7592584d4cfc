// Receives requests that Tollgate sends to targets and callbacks, and verifies their signatures.
// Needs only Node.js' standard library.
//
//     WEBHOOK_SECRET=whsec_… node receiver.mjs 8000

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const SECRET = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
const MAX_BYTES = 1 << 20;
const TOLERANCE = 5 * 60;

// In production: a table with a unique key, written in the transaction that does the work.
const done = new Map();

/** Whether Tollgate signed these bytes with this id, within the tolerance. */
function isGenuine(headers, body) {
  const sent = headers["webhook-timestamp"] ?? "";
  if (!/^\d+$/.test(sent) || Math.abs(Date.now() / 1000 - Number(sent)) > TOLERANCE) return false;
  const signed = `${headers["webhook-id"]}.${sent}.`;
  const hmac = createHmac("sha256", SECRET).update(signed).update(body);
  const expected = Buffer.from(`v1,${hmac.digest("base64")}`);
  // One signature per valid secret: two while a secret is rotated.
  const signatures = (headers["webhook-signature"] ?? "").split(" ");
  return signatures.map((text) => Buffer.from(text)).some(
    (text) => text.length === expected.length && timingSafeEqual(text, expected),
  );
}

/** Your work. If it throws, Tollgate sends the message again. */
async function work(message) {
  console.log(message.id, message.status);
}

async function receive(request) {
  const length = Number(request.headers["content-length"]);
  if (!(length <= MAX_BYTES)) return 413;
  const parts = [];
  for await (const part of request) parts.push(part);
  // The received bytes: JSON that is parsed and serialized again has another signature.
  const body = Buffer.concat(parts);
  if (!isGenuine(request.headers, body)) return 401;
  const id = request.headers["webhook-id"];
  // A concurrent duplicate waits for the first; a failed message is processed when it is resent.
  if (!done.has(id)) done.set(id, work(JSON.parse(body)));
  await done.get(id).catch((error) => {
    done.delete(id);
    throw error;
  });
  return 200;
}

const server = createServer(async (request, response) => {
  if (request.method !== "POST") return response.writeHead(405, { allow: "POST" }).end();
  const status = await receive(request).catch((error) => {
    console.error(error);
    return 500;
  });
  response.writeHead(status, status === 413 ? { connection: "close" } : {}).end();
});
server.listen(Number(process.argv[2]), "127.0.0.1", () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}`),
);
