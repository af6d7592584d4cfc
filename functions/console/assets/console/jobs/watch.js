import { useEffect, useRef, useState } from "../view.js";
import { announce } from "../announce.js";
import { request, segment } from "../api.js";
import { Problem, unreachable } from "../problem.js";

export const isOver = ({ status }) => ["completed", "failed", "cancelled"].includes(status);

// A job with its attempts, as they change, until it is over. The server holds each request until there is news (`Prefer: wait`), so that
// waiting costs three requests a minute.
export function useJob(id, account) {
  const [state, setState] = useState({ job: undefined, attempts: [], problem: null });
  const [round, setRound] = useState(0);
  const told = useRef(null);

  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const path = `jobs/${segment(id)}`;

    async function follow() {
      let tag = null, failures = 0;
      while (!signal.aborted) {
        await seen(signal);
        try {
          const headers = tag ? { "If-None-Match": tag, Prefer: "wait=20" } : {};
          const { status, body: job, headers: answered } = await request("GET", path, { query: { account }, headers, signal });
          failures = 0;
          if (status === 304) continue;
          const isUnheld = tag !== null && tag === answered.get("etag");
          tag = answered.get("etag");
          const { body: attempts } = await request("GET", `${path}/attempts`, { query: { account }, signal });
          setState({ job, attempts: attempts.items, problem: null });
          if (told.current && told.current !== job.status) announce(`The job is ${job.status}`);
          told.current = job.status;
          if (isOver(job)) return;
          if (isUnheld || !tag) await pause(2000, signal);
        } catch (error) {
          if (signal.aborted) return;
          const problem = error instanceof Problem ? error : unreachable();
          setState((old) => ({ ...old, problem }));
          if (!problem.passes) return;
          failures += 1;
          await pause(Math.max(Math.min(1000 * 2 ** failures, 30_000), (problem.retryAfter ?? 0) * 1000), signal);
        }
      }
    }
    follow().catch(() => { /* The view is gone. */ });
    return () => controller.abort();
  }, [id, account, round]);

  return { ...state, again: () => setRound((n) => n + 1) };
}

export const pause = (ms, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
});

// Resolves when the tab is looked at.
export const seen = (signal) => document.hidden ? new Promise((resolve) => {
  const look = () => {
    if (document.hidden && !signal.aborted) return;
    document.removeEventListener("visibilitychange", look);
    resolve();
  };
  document.addEventListener("visibilitychange", look);
  signal.addEventListener("abort", look, { once: true });
}) : Promise.resolve();
