// What went wrong, as the API tells it (RFC 9457), or as the browser does when the API can't be reached.
export class Problem extends Error {
  constructor({ type, title, status = 0, detail = "", errors = null, request_id = null }, retryAfter = null) {
    super(detail || title);
    Object.assign(this, { type, title, status, detail, errors: errors ?? [], requestId: request_id, retryAfter });
  }

  // Whether the same request may succeed later.
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export const unreachable = () => new Problem({
  type: "unreachable",
  title: "Tollgate can't be reached",
  detail: "The request didn't get there, or its answer didn't get back. Is the network there?",
});

// What was thrown, as a problem.
export const problemOf = (error) => error instanceof Problem ? error : unreachable();

// An answer that is a refusal; one without a problem document comes from a gateway before the API.
export function refusal(response, body) {
  const seconds = Number(response.headers.get("retry-after") ?? NaN);
  const told = body && typeof body === "object" && body.title ? body : {
    title: `The answer is ${response.status} ${response.statusText}`.trim(),
    detail: "It says no more than that.",
    request_id: response.headers.get("x-request-id"),
  };
  return new Problem({ ...told, status: response.status }, Number.isFinite(seconds) ? seconds : null);
}
