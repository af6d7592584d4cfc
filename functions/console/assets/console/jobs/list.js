import { html } from "../view.js";
import { all } from "../api.js";
import { setQuery, href } from "../router.js";
import { useResource } from "../resource.js";
import { hasScope } from "../session.js";
import { AccountSelect, useAccounts } from "../components/account.js";
import { Id } from "../components/copy.js";
import { Page } from "../components/page.js";
import { Loaded, Pager, usePages } from "../components/pages.js";
import { Status } from "../components/status.js";
import { Empty, Table } from "../components/table.js";
import { Time } from "../components/time.js";
import { duration } from "../format.js";

export const STATUSES = ["queued", "running", "completed", "failed", "cancelled"];

export function JobList({ query }) {
  const { status, kind, account } = query;
  const pages = usePages("jobs", { status, kind, account }, { every: 3000 });
  const kinds = useResource((signal) => all("kinds", {}, { signal }), []);
  const accounts = useAccounts().data;
  const isFiltered = Boolean(status || kind);

  return html`<${Page} title="Jobs" actions=${
    hasScope("jobs:write") &&
    html`<a class="button main"
    href=${href("submit")}>Submit a job</a>`
  }>
    <form class="filters" aria-label="Filter" onSubmit=${(event) => event.preventDefault()}>
      <label class="field" for="status"><span>Status</span><select id="status" value=${status ?? ""}
        onChange=${(event) => setQuery({ status: event.target.value })}>
        <option value="">All</option>${STATUSES.map(
          (one) => html`<option value=${one}>
          ${one}</option>`,
        )}</select></label>
      <label class="field" for="kind"><span>Kind</span><select id="kind" value=${kind ?? ""}
        onChange=${(event) => setQuery({ kind: event.target.value })}>
        <option value="">All</option>${kindNames(kinds.data?.items, kind).map(
          (name) => html`
          <option value=${name}>${name}</option>`,
        )}</select></label>
      <${AccountSelect} value=${account} accounts=${accounts}
        onChange=${(account) => setQuery({ account })} />
    </form>
    <${Loaded} of=${pages} empty=${
      isFiltered
        ? html`<${Empty} title="No job matches the filter"><p><button type="button" class="button"
      onClick=${() => setQuery({ status: "", kind: "" })}>Show all</button></p><//>`
        : html`<${NoJobs} />`
    }>
      ${({
        items,
      }) => html`<${Table} caption="Jobs, newest first" isBusy=${pages.isStale} rows=${items}
        columns=${columns(account)} />
        ${
          items.length === 0 &&
          html`<p class="quiet">No match on this page;
          there may be more.</p>`
        }<${Pager} pages=${pages} />`}
    <//>
  <//>`;
}

const columns = (account) => [
  {
    title: "Job",
    cell: (job) =>
      html`<${Id} id=${job.id} to=${href(["jobs", job.id], { account })} name="job's id" />`,
  },
  { title: "Kind", cell: (job) => html`<a href=${href(["kinds", job.kind])}>${job.kind}</a>` },
  {
    title: "Status",
    cell: (job) =>
      html`<${Status} is=${job.status}>
        ${job.cancel_requested && job.status === "running" ? "cancelling" : job.status}<//>`,
  },
  { title: "Attempts", class: "number", cell: (job) => `${job.attempts} of ${job.max_attempts}` },
  { title: "Accepted", cell: (job) => html`<${Time} at=${job.created_at} />` },
  { title: "Result", class: "wide", cell: (job) => html`<${Outcome} job=${job} />` },
];

function Outcome({ job }) {
  if (job.status === "completed")
    return html`<span class="quiet">
      took ${duration(Date.parse(job.finished_at) - Date.parse(job.started_at ?? job.created_at))}
      </span>`;
  if (job.error)
    return html`<span class="clip" title=${job.error.message}><code>
      ${job.error.code}</code> ${job.error.message}</span>`;
  if (job.next_attempt_at)
    return html`<span class="quiet">next attempt <${Time} at=${job.next_attempt_at} /></span>`;
  if (job.status === "queued" && new Date(job.run_at) > new Date(job.created_at))
    return html`<span class="quiet">due <${Time} at=${job.run_at} /></span>`;
  return html`<span class="quiet">–</span>`;
}

const NoJobs = () => html`<${Empty} title="No jobs yet">
  <p>A job is a request that Tollgate delivers to a target, with retries. Its result is stored.</p>
  ${
    hasScope("jobs:write") &&
    html`<p><a class="button main" href=${href("submit")}>Submit a job</a></p>`
  }<//>`;

// Includes the chosen kind even if it has been deleted.
function kindNames(kinds, chosen) {
  const names = (kinds ?? []).map(({ name }) => name);
  return chosen && !names.includes(chosen) ? [...names, chosen] : names;
}
