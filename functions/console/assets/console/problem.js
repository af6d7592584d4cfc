// What went wrong, as the API tells it (RFC 9457), or as the browser does when the API can't be reached.
export class Problem extends Error {
  constructor(
    { type, title, status = 0, detail = "", errors = null, request_id = null },
    retryAfter = null,
  ) {
    super(detail || title);
    Object.assign(this, {
      type,
      title,
      status,
      detail,
      errors: errors ?? [],
      requestId: request_id,
      retryAfter,
    });
  }

  // Whether the same request may succeed later.
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export const unreachable = () =>
  new Problem({
    type: "unreachable",
    title: "Tollgate can't be reached",
    detail: "The request didn't get there, or its answer didn't get back. Is the network there?",
  });

// What was thrown, as a problem.
export const problemOf = (error) => (error instanceof Problem ? error : unreachable());

// What API Gateway's own answers mean: they have a `message`, and no `type` (docs/problems.md).
const OF_GATEWAY = {
  413: ["The request is too large", "The gateway in front of Tollgate refused it."],
  429: ["Too many requests at once", "Nothing was done. Try again in a moment."],
  500: [
    "No answer from Tollgate",
    "The request may have been carried out. Look before you repeat it.",
  ],
  503: [
    "Too many requests at once",
    "Tollgate had no capacity for this one. Try again in a moment.",
  ],
};

// An answer that is a refusal; one without a problem document comes from a gateway before the API.
export function refusal(response, body) {
  const seconds = Number(response.headers.get("retry-after") ?? NaN);
  const isProblem = body && typeof body === "object" && body.title;
  const told = isProblem ? body : ofGateway(response, body);
  return new Problem(
    { ...told, status: response.status },
    Number.isFinite(seconds) ? seconds : null,
  );
}

function ofGateway({ status, statusText, headers }, body) {
  const message = typeof body?.message === "string" ? body.message.slice(0, 200) : statusText;
  const unknown = [`The answer is ${status}`, message ? "" : "It says no more than that."];
  const [title, hint] = OF_GATEWAY[status] ?? unknown;
  return {
    type: "gateway",
    title,
    detail: [message && `${message}.`, hint].filter(Boolean).join(" "),
    request_id: headers.get("x-request-id") ?? headers.get("apigw-requestid"),
  };
}
