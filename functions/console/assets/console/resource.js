// Hooks that load data from the API and refresh it while the tab is visible.
import { useEffect, useRef, useState } from "./view.js";
import { problemOf } from "./problem.js";

const SLOWEST_MS = 30_000;

// Calls `load(signal)` when `deps` change, and every `every` milliseconds if given. The interval
// grows by half each time the data did not change; a hidden tab does not refresh. Keeps the
// previous data while loading, with `isStale` set if it belongs to other `deps`.
export function useResource(load, deps, { every = null } = {}) {
  const [state, setState] = useState({ data: undefined, problem: null, isStale: true });
  const reload = useRef(() => {});

  useEffect(() => {
    const controller = new AbortController();
    let timer = null,
      last = null,
      pause = every,
      isLoading = false;
    setState((old) => ({ ...old, isStale: true }));

    const later = (ms) => {
      clearTimeout(timer);
      timer = setTimeout(run, ms);
    };
    async function run() {
      if (document.hidden && last !== null) return;
      clearTimeout(timer);
      isLoading = true;
      try {
        const data = await load(controller.signal);
        if (controller.signal.aborted) return;
        const text = JSON.stringify(data) ?? "";
        pause = text === last ? Math.min(pause * 1.5, SLOWEST_MS) : every;
        if (text !== last) setState({ data, problem: null, isStale: false });
        else
          setState((old) =>
            old.problem || old.isStale ? { ...old, problem: null, isStale: false } : old,
          );
        last = text;
        if (every) later(pause);
      } catch (error) {
        if (controller.signal.aborted || error.name === "AbortError") return;
        const problem = problemOf(error);
        setState((old) => ({ data: old.isStale ? undefined : old.data, problem, isStale: false }));
        pause = Math.min(Math.max(pause ?? 0, 2000) * 2, SLOWEST_MS);
        if (problem.isRetryable) later(Math.max(pause, (problem.retryAfter ?? 0) * 1000));
      } finally {
        isLoading = false;
      }
    }
    reload.current = () => {
      pause = every;
      if (!isLoading) run();
    };
    const stopRefreshing = onVisible(() => {
      if (every) reload.current();
    });
    run();
    return () => {
      controller.abort();
      clearTimeout(timer);
      stopRefreshing();
    };
  }, deps);

  return { ...state, reload: () => reload.current() };
}

// Calls `action` when the tab becomes visible, until the returned function is called.
function onVisible(action) {
  const listener = () => {
    if (!document.hidden) action();
  };
  document.addEventListener("visibilitychange", listener);
  return () => document.removeEventListener("visibilitychange", listener);
}

// An action of the user: `run(work)` awaits it and tracks `isBusy` and `problem`.
export function useAction() {
  const [state, setState] = useState({ isBusy: false, problem: null });
  const run = async (work) => {
    setState({ isBusy: true, problem: null });
    try {
      const done = await work();
      setState({ isBusy: false, problem: null });
      return done;
    } catch (error) {
      setState({ isBusy: false, problem: problemOf(error) });
      return undefined;
    }
  };
  return { ...state, run, clear: () => setState({ isBusy: false, problem: null }) };
}
