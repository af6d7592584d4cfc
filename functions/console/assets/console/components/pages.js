import { html, useEffect, useState } from "../view.js";
import { get } from "../api.js";
import { useResource } from "../resource.js";
import { Loading } from "./table.js";
import { ProblemNote } from "./problem.js";

// A paginated list. Refreshes the current page, and keeps the cursors of previous pages.
export function usePages(path, query, { every = null, limit = 20 } = {}) {
  const asked = JSON.stringify([path, query]);
  const [{ of, cursors }, setPlace] = useState({ of: asked, cursors: [] });
  // Cursors are only valid for the filters they were created with.
  const stack = of === asked ? cursors : [];
  useEffect(() => {
    if (of !== asked) setPlace({ of: asked, cursors: [] });
  }, [asked]);
  const cursor = stack.at(-1);
  const list = useResource(
    (signal) => get(path, { limit, ...query, cursor }, { signal }),
    [asked, cursor],
    { every },
  );
  const next = list.isStale ? null : list.data?.next_cursor;
  return {
    ...list,
    items: list.data?.items,
    number: stack.length + 1,
    onward: next ? () => setPlace({ of: asked, cursors: [...stack, next] }) : null,
    back: stack.length ? () => setPlace({ of: asked, cursors: stack.slice(0, -1) }) : null,
  };
}

export const Pager = ({ pages }) =>
  (pages.onward || pages.back) &&
  html`<nav class="pager" aria-label="Pages">
  <button type="button" class="button" disabled=${!pages.back} onClick=${pages.back}>
    ‹ Previous</button>
  <span>Page ${pages.number}</span>
  <button type="button" class="button" disabled=${!pages.onward} onClick=${pages.onward}>
    Next ›</button>
</nav>`;

// Shows a resource: loading, failed or loaded. `empty` is shown for a list without items.
export function Loaded({ of, empty = null, children }) {
  if (of.data === undefined)
    return of.problem
      ? html`<${ProblemNote} problem=${of.problem} onRetry=${of.reload} />`
      : html`<${Loading} />`;
  return html`${of.problem && html`<${ProblemNote} problem=${of.problem} onRetry=${of.reload} />`}
    ${of.data.items?.length === 0 && empty && !of.onward && !of.back ? empty : children(of.data)}`;
}
