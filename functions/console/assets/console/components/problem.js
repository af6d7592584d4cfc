import { html, useEffect, useRef } from "../view.js";
import { Copy } from "./copy.js";

// Shows a problem. `errors=${false}` hides errors that are shown at their fields.
export function ProblemNote({ problem, errors = true, onRetry = null, focus = false, children }) {
  const note = useRef();
  useEffect(() => {
    if (problem && focus) note.current?.focus();
  }, [problem]);
  if (!problem) return null;
  return html`<div class="note bad" role="alert" tabindex="-1" ref=${note}>
    <strong>${problem.title}</strong>
    ${problem.detail && html`<p>${problem.detail}</p>`}
    ${
      errors &&
      problem.errors.length > 0 &&
      html`<ul class="errors">${problem.errors.map(
        ({ pointer, detail }) => html`<li>
      <code>${pointer || "/"}</code> ${detail}</li>`,
      )}</ul>`
    }
    ${children}
    <p class="small">
      ${problem.retryAfter && html`<span>Retry after ${problem.retryAfter} s. </span>`}
      ${
        problem.requestId &&
        html`<span>Request <code>${problem.requestId}</code>
        <${Copy} text=${problem.requestId} name="request's id" /></span>`
      }
    </p>
    ${onRetry && html`<button type="button" class="button" onClick=${onRetry}>Try again</button>`}
  </div>`;
}
