import assert from "node:assert/strict";
import test from "node:test";

import { load } from "./console.mjs";

const { problemOfResponse } = await load("problem.js");

// Errors of API Gateway itself:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting.html
const GATEWAY = [
  [413, "Request Too Long", false, "The request is too large"],
  [429, "Too Many Requests", true, "Too many requests at once"],
  [500, "Internal Server Error", true, "No response from Tollgate"],
  [503, "Service Unavailable", true, "Too many requests at once"],
  [418, "I'm a teapot", false, "Response 418"],
];
for (const [status, message, shouldRetry, title] of GATEWAY) {
  test(`the gateway's own ${status} is a problem`, () => {
    const answer = new Response(null, { headers: { "apigw-requestid": "r1" }, status });
    const problem = problemOfResponse(answer, { message });
    assert.ok(problem.detail.startsWith(`${message}.`), problem.detail);
    const { title: shown, status: code, isRetryable, requestId } = problem;
    assert.deepEqual([shown, code, isRetryable, requestId], [title, status, shouldRetry, "r1"]);
  });
}

test("a problem of Tollgate is shown as it is", () => {
  const body = {
    type: "urn:tollgate:problem:unavailable",
    title: "T",
    detail: "D",
    request_id: "r2",
  };
  const answer = new Response(null, { headers: { "retry-after": "3" }, status: 503 });
  const { title, detail, retryAfter, requestId } = problemOfResponse(answer, body);
  assert.deepEqual([title, detail, retryAfter, requestId], ["T", "D", 3, "r2"]);
});
