/**
 * Waits, or returns early when the signal aborts.
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export const pause = (ms, signal) =>
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
export const pauseAfter = (problem, failures, first, signal) =>
  pause(
    Math.max(Math.min(first * 2 ** failures, 30_000), (problem.retryAfter ?? 0) * 1000),
    signal,
  );

/**
 * Resolves when the tab is visible, or when the signal aborts.
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export const seen = (signal) =>
  document.hidden
    ? new Promise((resolve) => {
        const look = () => {
          if (document.hidden && !signal.aborted) return;
          document.removeEventListener("visibilitychange", look);
          resolve();
        };
        document.addEventListener("visibilitychange", look);
        signal.addEventListener("abort", look, { once: true });
      })
    : Promise.resolve();
