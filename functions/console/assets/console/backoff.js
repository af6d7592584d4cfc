/**
 * Waits, or returns early when the signal aborts.
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export const sleep = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });

// Exponential backoff before a retry, at most 30 s, and at least the server's `Retry-After`.
export const backOff = (problem, failures, first, signal) =>
  sleep(
    Math.max(Math.min(first * 2 ** failures, 30_000), (problem.retryAfter ?? 0) * 1000),
    signal,
  );

/**
 * Resolves when the tab is visible, or when the signal aborts.
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export const whenVisible = (signal) =>
  document.hidden
    ? new Promise((resolve) => {
        const check = () => {
          if (document.hidden && !signal.aborted) return;
          document.removeEventListener("visibilitychange", check);
          resolve();
        };
        document.addEventListener("visibilitychange", check);
        signal.addEventListener("abort", check, { once: true });
      })
    : Promise.resolve();
