// A problem of the API (RFC 9457), or a failed request.
export class Problem extends Error {
  /**
   * @param {ProblemDocument} document
   * @param {number | null} retryAfter Seconds.
   */
  constructor(
    { type, title, status = 0, detail = "", errors = null, request_id = null },
    retryAfter = null,
  ) {
    super(detail || title);
    this.type = type;
    this.title = title;
    this.status = status;
    this.detail = detail;
    this.errors = errors ?? [];
    this.requestId = request_id;
    this.retryAfter = retryAfter;
  }

  // Whether a retry of the same request may succeed.
  get isRetryable() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export const unreachable = () =>
  new Problem({
    type: "unreachable",
    title: "Tollgate is unreachable",
    detail: "The request failed. Check your network connection.",
  });

export const problemOf = (error) => (error instanceof Problem ? error : unreachable());

// Errors of API Gateway itself. They have a `message` and no `type`, see docs/problems.md.
const OF_GATEWAY = {
  413: ["The request is too large", "API Gateway rejected it."],
  429: ["Too many requests at once", "The request was not processed. Try again in a moment."],
  500: [
    "No response from Tollgate",
    "The request may have been processed. Check before you repeat it.",
  ],
  503: ["Too many requests at once", "Tollgate has no free capacity. Try again in a moment."],
};

// The problem of an error response. Without a problem document it is one of API Gateway.
export function problemOfResponse(response, body) {
  const seconds = Number(response.headers.get("retry-after") ?? NaN);
  const isProblem = body && typeof body === "object" && body.title;
  const document = isProblem ? body : ofGateway(response, body);
  return new Problem(
    { ...document, status: response.status },
    Number.isFinite(seconds) ? seconds : null,
  );
}

function ofGateway({ status, statusText, headers }, body) {
  const message = typeof body?.message === "string" ? body.message.slice(0, 200) : statusText;
  const unknown = [`Response ${status}`, message ? "" : "No further details."];
  const [title, hint] = OF_GATEWAY[status] ?? unknown;
  return {
    type: "gateway",
    title,
    detail: [message && `${message}.`, hint].filter(Boolean).join(" "),
    request_id: headers.get("x-request-id") ?? headers.get("apigw-requestid"),
  };
}
