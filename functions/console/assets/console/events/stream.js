// Follows events over a WebSocket, or by long polling where that fails. Both share a cursor.
import { get, request } from "../api.js";
import { Problem, problemOf } from "../problem.js";
import { sleep, backOff, whenVisible } from "../backoff.js";

const PING_MS = 60_000;
// Long polls until the next attempt to open a WebSocket.
const POLLS = 15;

// Calls `onEvents(events)` and `onState(state, problem)` until the signal aborts. `after` is a
// cursor, `now`, or undefined for the oldest stored event.
export async function follow({ accounts, after, signal, onEvents, onState }) {
  let cursor = after,
    failures = 0;
  const take = (events, next) => {
    cursor = next;
    if (events.length) onEvents(events);
  };
  while (!signal.aborted) {
    try {
      // Get a cursor first, so that no event between two connections is missed.
      if (cursor === "now")
        cursor = (await get("events", { account: accounts, after: "now" }, { signal })).next_cursor;
      const wasLive = await pushed({
        accounts,
        cursor,
        signal,
        take,
        onLive: () => {
          failures = 0;
          onState("live");
        },
      });
      if (signal.aborted) return;
      if (!wasLive) await polled({ accounts, signal, take, cursorOf: () => cursor, onState });
    } catch (error) {
      if (signal.aborted) return;
      const problem = problemOf(error);
      onState("reconnecting", problem);
      if (!problem.isRetryable) return;
      failures += 1;
      await backOff(problem, failures, 500, signal);
    }
  }
}

// Opens one WebSocket and resolves when it closes: to true if the subscription succeeded.
async function pushed({ accounts, cursor, signal, take, onLive }) {
  const {
    body: { url, ticket },
  } = await request("POST", "push/tickets", { signal });
  return new Promise((resolve, reject) => {
    let isLive = false,
      problem = null,
      timer = null;
    const socket = new WebSocket(`${url}?ticket=${encodeURIComponent(ticket)}`);
    const ping = () => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ action: "ping" }));
    };
    // `onopen` closes a socket that is still connecting; closing it earlier logs a warning.
    const stop = () => {
      if (socket.readyState === WebSocket.OPEN) socket.close();
    };
    signal.addEventListener("abort", stop, { once: true });
    socket.onopen = () => {
      if (signal.aborted) {
        socket.close();
        return;
      }
      socket.send(
        JSON.stringify({
          action: "subscribe",
          ...(accounts.length ? { accounts } : {}),
          ...(cursor ? { after: cursor } : {}),
        }),
      );
      timer = setInterval(ping, PING_MS);
    };
    socket.onmessage = ({ data }) => {
      const message = parsed(data);
      if (message?.type === "subscribed") isLive = true;
      if (message?.type === "error") problem = new Problem(message.problem);
      if (!handle(message, { onLive, take, ping })) socket.close();
    };
    socket.onclose = () => {
      clearInterval(timer);
      signal.removeEventListener("abort", stop);
      if (problem) reject(problem);
      // The connection was lost: reconnect after a short delay.
      else if (isLive && !signal.aborted) sleep(500, signal).then(() => resolve(true));
      else resolve(isLive);
    };
  });
}

// Returns false if the connection has to be closed.
function handle(message, { onLive, take, ping }) {
  switch (message?.type) {
    case "subscribed":
      onLive();
      return true;
    case "events":
      take(message.events, message.cursor);
      return true;
    case "more":
      ping();
      return true;
    case "pong":
      return true;
    // An error, or a message of API Gateway, sent when the function failed.
    default:
      return false;
  }
}

async function polled({ accounts, signal, take, cursorOf, onState }) {
  onState("polling");
  for (let poll = 0; poll < POLLS && !signal.aborted; poll += 1) {
    await whenVisible(signal);
    const query = { account: accounts, after: cursorOf(), limit: 100 };
    const { body, headers } = await request("GET", "events", {
      query,
      signal,
      headers: { Prefer: "wait=20" },
    });
    take(body.items, body.next_cursor);
    // Too many long polls: the server responds without waiting, with the delay until the next.
    const later = Number(headers.get("retry-after") ?? 0);
    if (later > 0) await sleep(later * 1000, signal);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
