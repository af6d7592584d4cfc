// Opens a view: loads its module, then moves the focus to its heading.
import { html, useEffect, useLayoutEffect, useState } from "./view.js";
import { unreachable } from "./problem.js";
import { ProblemNote } from "./components/problem.js";
import { Loading } from "./components/table.js";

const loaded = new Map();

export function LazyView({ load, parts, query, isFocused }) {
  const [component, setComponent] = useState(() => loaded.get(load));
  const [problem, setProblem] = useState(null);
  const loadModule = () =>
    load().then(
      (found) => {
        loaded.set(load, found);
        setProblem(null);
        setComponent(() => found);
      },
      () => setProblem(unreachable()),
    );
  useEffect(() => {
    if (!component) loadModule();
  }, []);

  if (component)
    return html`<${Shown} component=${component} parts=${parts} query=${query}
      isFocused=${isFocused} />`;
  return problem
    ? html`<${ProblemNote} problem=${problem} onRetry=${loadModule} />`
    : html`<${Loading} />`;
}

// Users of keyboards and screen readers start at the view's heading.
function Shown({ component, parts, query, isFocused }) {
  useLayoutEffect(() => {
    if (!isFocused) return;
    scrollTo(0, 0);
    document.querySelector("main h1")?.focus({ preventScroll: true });
  }, []);
  return html`<${component} parts=${parts} query=${query} />`;
}
