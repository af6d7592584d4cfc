// API client. URLs are relative to the page, which the API's own host serves.
import * as session from "./session.js";
import { problemOfResponse, unreachable } from "./problem.js";

function address(path, query) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const one of [value].flat())
      if (one !== undefined && one !== null && one !== "") params.append(name, one);
  }
  const text = params.toString();
  return new URL(`v1/${path}${text && `?${text}`}`, document.baseURI);
}

/**
 * Resolves to {status, body, headers} for 2xx and 304, and throws a `Problem` otherwise.
 * `text` is a body in JSON, sent unchanged.
 * @param {string} method
 * @param {string} path
 * @param {RequestOptions} [options]
 */
export async function request(
  method,
  path,
  { query, body, text, headers = {}, signal, key = session.key() } = {},
) {
  const sent = text ?? (body === undefined ? undefined : JSON.stringify(body));
  let response, answer;
  try {
    response = await fetch(address(path, query), {
      method,
      signal,
      body: sent,
      cache: "no-store",
      credentials: "omit",
      headers: {
        Authorization: `Bearer ${key}`,
        ...(sent === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
    });
    answer = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
  const parsed = parse(answer);
  if (response.ok || response.status === 304)
    return { status: response.status, body: parsed, headers: response.headers };
  const problem = problemOfResponse(response, parsed);
  // A 401 ends the session only if the key is still in use, not for a key that is being tried.
  if (response.status === 401 && session.key() === key) session.signOut(problem);
  throw problem;
}

export const get = async (path, query, options) =>
  (await request("GET", path, { query, ...options })).body;

/**
 * All items of a list, up to `pages` pages; `more` is set if there are further ones.
 * @param {string} path
 * @param {object} query
 * @param {{ pages?: number, signal?: AbortSignal }} [options]
 */
export async function all(path, query, { pages = 10, signal } = {}) {
  const items = [];
  let cursor;
  for (let page = 0; page < pages; page += 1) {
    const { items: more, next_cursor } = await get(
      path,
      { limit: 100, ...query, cursor },
      { signal },
    );
    items.push(...more);
    cursor = next_cursor;
    if (!cursor) break;
  }
  return { items, more: Boolean(cursor) };
}

export const segment = encodeURIComponent;

function parse(text) {
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
