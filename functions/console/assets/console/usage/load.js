import { get } from "../api.js";

const PAGES = 10;

// All points of a question, whose answer comes in pages of whole series.
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
  return { items, step, isCut: Boolean(cursor) };
}
