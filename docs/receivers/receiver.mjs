// Receives what Tollgate sends to targets and callbacks, and believes only what it signed. Node's own library is all it needs.
//
//     WEBHOOK_SECRET=whsec_… node receiver.mjs 8000

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const SECRET = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
const LARGEST = 1 << 20;
const TOLERANCE = 5 * 60;

// In earnest a table with a unique key, written in the transaction that does the work.
const done = new Map();

/** Whether the bytes are those that were signed, a moment ago, for this id. */
function isGenuine(headers, body) {
  const sent = headers["webhook-timestamp"] ?? "";
  if (!/^\d+$/.test(sent) || Math.abs(Date.now() / 1000 - Number(sent)) > TOLERANCE) return false;
  const hmac = createHmac("sha256", SECRET).update(`${headers["webhook-id"]}.${sent}.`).update(body);
  const good = Buffer.from(`v1,${hmac.digest("base64")}`);
  // One for each secret that is good: while a secret changes, there are two.
  const told = (headers["webhook-signature"] ?? "").split(" ").map((text) => Buffer.from(text));
  return told.some((text) => text.length === good.length && timingSafeEqual(text, good));
}

/** What is to be done with it. If it throws, Tollgate sends the message again. */
async function work(message) {
  console.log(message.id, message.status);
}

async function receive(request) {
  const length = Number(request.headers["content-length"]);
  if (!(length <= LARGEST)) return 413;
  const parts = [];
  for await (const part of request) parts.push(part);
  // The bytes as they came: JSON that was read and written again has another signature.
  const body = Buffer.concat(parts);
  if (!isGenuine(request.headers, body)) return 401;
  const id = request.headers["webhook-id"];
  // Of two at once the second waits for the first, and what failed may come again.
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
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
