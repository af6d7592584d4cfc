import { html, useState } from "../view.js";
import { announce } from "../announce.js";
import { request, segment } from "../api.js";
import { href } from "../router.js";
import { useAction } from "../resource.js";
import { hasScope } from "../session.js";
import { Copy } from "../components/copy.js";
import { Confirm } from "../components/dialog.js";
import { Json } from "../components/json.js";
import { Page } from "../components/page.js";
import { ProblemNote } from "../components/problem.js";
import { Status } from "../components/status.js";
import { Facts, Loading } from "../components/table.js";
import { Ago, Time } from "../components/time.js";
import { duration } from "../format.js";
import { AttemptList } from "./attempts.js";
import { hasEnded, useJob } from "./watch.js";

export function JobView({ parts: [, id], query: { account } }) {
  const { job, attempts, problem, reload } = useJob(id, account);
  return html`<${Page} title=${`Job ${id}`} heading=${html`Job <code>${id}</code>`}
      titleExtra=${html`<${Copy} text=${id} name="job's id" />`}
      back=${{ href: href("jobs", { account }), title: "Jobs" }}
      actions=${
        job &&
        hasScope("jobs:write") &&
        html`<${JobActions} job=${job} account=${account}
        reload=${reload} />`
      }>
    ${problem && html`<${ProblemNote} problem=${problem} onRetry=${reload} />`}
    ${job ? html`<${Body} job=${job} attempts=${attempts} />` : !problem && html`<${Loading} />`}
  <//>`;
}

function Body({ job, attempts }) {
  const isLate =
    job.status === "queued" && !job.next_attempt_at && Date.parse(job.run_at) > Date.now();
  return html`<section aria-label="State" class="card">
      <p class="state" aria-live="polite"><${Status} is=${job.status}>
        ${job.cancel_requested && job.status === "running" ? "being cancelled" : job.status}<//>
        ${!hasEnded(job) && html`<span class="quiet">${waiting(job, isLate)}</span>`}</p>
      <${Facts} of=${[
        ["Kind", html`<a href=${href(["kinds", job.kind])}>${job.kind}</a>`],
        ["Attempts", `${job.attempts} of ${job.max_attempts}`],
        ["Priority", job.priority],
        ["Accepted", html`<${Time} at=${job.created_at} />`],
        isLate && ["Due", html`<${Time} at=${job.run_at} />`],
        job.next_attempt_at && ["Next attempt", html`<${Time} at=${job.next_attempt_at} />`],
        ["Started", html`<${Time} at=${job.started_at} />`],
        ["Ended", html`<${Time} at=${job.finished_at} />`],
        job.started_at &&
          job.finished_at && [
            "Duration",
            duration(Date.parse(job.finished_at) - Date.parse(job.started_at)),
          ],
        ["Deleted after", html`<${Time} at=${job.expires_at} />`],
      ]} />
    </section>
    ${
      job.error &&
      html`<section class="card"><h2>${hasEnded(job) ? "Error" : "Latest error"}</h2>
      <p><code>${job.error.code}</code></p><pre class="message" tabindex="0">
        ${job.error.message}</pre></section>`
    }
    ${
      job.status === "completed" &&
      html`<section class="card"><h2>Result</h2>
      <${Json} value=${job.result ?? null} name="result" /></section>`
    }
    ${
      job.payload !== undefined &&
      html`<section class="card"><h2>Payload</h2>
      <${Json} value=${job.payload} name="payload" /></section>`
    }
    <section class="card"><h2>Attempts</h2>${
      attempts.length
        ? html`<${AttemptList} attempts=${attempts} />`
        : html`<p class="quiet">No attempts yet.</p>`
    }</section>
    ${
      Object.keys(job.metadata).length > 0 &&
      html`<section class="card"><h2>Metadata</h2>
      <${Facts} of=${Object.entries(job.metadata)} /></section>`
    }`;
}

function waiting(job, isLate) {
  if (job.status === "running") return html`since <${Ago} at=${job.started_at} />`;
  if (job.next_attempt_at) return html`next attempt <${Ago} at=${job.next_attempt_at} />`;
  return isLate ? html`due <${Ago} at=${job.run_at} />` : "waiting";
}

function JobActions({ job, account, reload }) {
  const action = useAction();
  const [isAsked, setAsked] = useState(false);
  const path = `jobs/${segment(job.id)}`;
  const send = async (method, address, done) => {
    const sent = await action.run(() => request(method, address, { query: { account } }));
    if (!sent) return;
    setAsked(false);
    announce(done);
    reload();
  };
  const retry = () => send("POST", `${path}/retry`, "Job queued again");
  const cancel = () => send("DELETE", path, "Job cancelled");
  const canRetry = job.status === "failed" || job.status === "cancelled";
  return html`
    ${
      action.problem &&
      !isAsked &&
      html`<p class="note bad inline" role="alert">
      ${action.problem.detail || action.problem.title}</p>`
    }
    <a class="button" href=${href(["submit", job.kind], { account })}>Submit another</a>
    ${
      canRetry &&
      html`<button type="button" class="button main" disabled=${action.isBusy}
      onClick=${retry}>Retry</button>`
    }
    ${
      !hasEnded(job) &&
      !job.cancel_requested &&
      html`<button type="button" class="button danger"
      onClick=${() => setAsked(true)}>Cancel</button>`
    }
    ${
      isAsked &&
      html`<${Confirm} title="Cancel this job?" verb="Cancel the job" action=${action}
        onConfirm=${cancel}
      onClose=${() => {
        setAsked(false);
        action.clear();
      }}>
      <p>${
        job.status === "running"
          ? "The attempt is aborted within seconds. Effects at the target are not undone."
          : "It will not be sent to its target."
      }${" "}
        You can retry it later.</p><//>`
    }`;
}
