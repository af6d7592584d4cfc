import { get } from "../api.js";

const PAGES = 10;

// Loads all points of a query, up to `PAGES` pages. A page has whole series.
export async function points(query, signal) {
  const items = [];
  let cursor, step;
  for (let page = 0; page < PAGES; page += 1) {
    const answer = await get("usage", { ...query, cursor }, { signal });
    items.push(...answer.items);
    ({ step } = answer);
    cursor = answer.next_cursor;
    if (!cursor) break;
  }
  return { items, step, isTruncated: Boolean(cursor) };
}
