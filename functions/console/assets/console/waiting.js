// Waiting that ends early when its view is gone.
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

// Before another try: twice as long after each failure, half a minute at most, and no less than the server asked for.
export const pauseAfter = (problem, failures, first, signal) =>
  pause(
    Math.max(Math.min(first * 2 ** failures, 30_000), (problem.retryAfter ?? 0) * 1000),
    signal,
  );

// Resolves when the tab is looked at.
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
