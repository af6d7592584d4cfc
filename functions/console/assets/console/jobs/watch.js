import { useEffect, useRef, useState } from "../view.js";
import { announce } from "../announce.js";
import { request, segment } from "../api.js";
import { problemOf } from "../problem.js";
import { sleep, backOff, whenVisible } from "../backoff.js";

export const hasEnded = ({ status }) => ["completed", "failed", "cancelled"].includes(status);

// Follows a job and its attempts until it has ended, by long polling (`Prefer: wait`): three
// requests a minute without changes.
export function useJob(id, account) {
  const [state, setState] = useState({ job: undefined, attempts: [], problem: null });
  const [round, setRound] = useState(0);
  const announced = useRef(null);

  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const path = `jobs/${segment(id)}`;

    async function follow() {
      let tag = null,
        failures = 0;
      while (!signal.aborted) {
        await whenVisible(signal);
        try {
          const headers = tag ? { "If-None-Match": tag, Prefer: "wait=20" } : {};
          const {
            status,
            body: job,
            headers: answered,
          } = await request("GET", path, { query: { account }, headers, signal });
          failures = 0;
          if (status === 304) continue;
          const isUnheld = tag !== null && tag === answered.get("etag");
          tag = answered.get("etag");
          const { body: attempts } = await request("GET", `${path}/attempts`, {
            query: { account },
            signal,
          });
          setState({ job, attempts: attempts.items, problem: null });
          if (announced.current && announced.current !== job.status) announce(`Job ${job.status}`);
          announced.current = job.status;
          if (hasEnded(job)) return;
          if (isUnheld || !tag) await sleep(2000, signal);
        } catch (error) {
          if (signal.aborted) return;
          const problem = problemOf(error);
          setState((old) => ({ ...old, problem }));
          if (!problem.isRetryable) return;
          failures += 1;
          await backOff(problem, failures, 1000, signal);
        }
      }
    }
    follow().catch(() => {
      /* The view was closed. */
    });
    return () => controller.abort();
  }, [id, account, round]);

  return { ...state, reload: () => setRound((n) => n + 1) };
}
