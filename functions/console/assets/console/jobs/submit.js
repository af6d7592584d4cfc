import { html, useEffect, useRef, useState } from "../view.js";
import { announce } from "../announce.js";
import { all, get, segment } from "../api.js";
import { navigate, href } from "../router.js";
import { useResource } from "../resource.js";
import { ownAccount } from "../session.js";
import { AccountSelect, useAccounts } from "../components/account.js";
import { Page } from "../components/page.js";
import { ProblemNote } from "../components/problem.js";
import { Loaded } from "../components/pages.js";
import { Empty } from "../components/table.js";
import { idOf } from "../schema/fields.js";
import { invalidInputs, focusField, Violations } from "../schema/violations.js";
import { JobOptions } from "./job-options.js";
import { PayloadInput, usePayload } from "./payload.js";
import { useSubmission } from "./submission.js";

export function SubmitView({ parts: [, name], query: { account } }) {
  const kinds = useResource((signal) => all("kinds", {}, { signal }), []);
  return html`<${Page} title="Submit a job"
    back=${{ href: href("jobs", { account }), title: "Jobs" }}>
    <${Loaded} of=${kinds} empty=${html`<${Empty} title="No kinds yet">
      <p>A kind defines the payload and the target of jobs. Operators define kinds.</p><//>`}>
      ${({ items }) => html`<label class="field" for="kind"><span>Kind</span>
        <select id="kind" value=${name ?? ""}
          onChange=${(event) => navigate(["submit", event.target.value], { account })}>
          <option value="" disabled>Choose…</option>
          ${items.map(
            (kind) => html`<option value=${kind.name} disabled=${kind.disabled}>
            ${kind.name}${kind.disabled ? " (disabled)" : ""}</option>`,
          )}
        </select></label>
        ${name && html`<${KindForm} key=${name} name=${name} account=${account} />`}`}
    <//>
  <//>`;
}

function KindForm({ name, account }) {
  const kind = useResource((signal) => get(`kinds/${segment(name)}`, {}, { signal }), [name]);
  return html`<${Loaded} of=${kind}>${(kind) => html`<${Form} kind=${kind} account=${account} />`}
    <//>`;
}

function Form({ kind, account: given }) {
  const payload = usePayload(kind.schema);
  const [options, setOptions] = useState({ account: given });
  const [faults, setFaults] = useState([]);
  const accounts = useAccounts().data;
  const form = useRef();
  const submission = useSubmission();
  const errors = [...faults, ...(submission.problem?.errors ?? [])];

  useEffect(() => {
    if (errors.length) form.current?.querySelector(".note.bad")?.focus();
  }, [faults, submission.problem]);

  // An error is shown until the value at its pointer changes.
  const resolve = (pointer) => {
    setFaults((old) => old.filter((error) => !error.pointer.startsWith(pointer)));
    submission.resolve(pointer);
  };
  const submit = async (event) => {
    event.preventDefault();
    const found = [...invalidInputs(form.current), ...faultsOf(payload.fault())];
    setFaults(found);
    if (found.length) {
      submission.clear();
      return;
    }
    const job = await submission.send({ kind: kind.name, ...options }, payload.json());
    if (!job) return;
    announce("Job accepted");
    const { account } = options;
    navigate(["jobs", job.id], { account: account === ownAccount() ? undefined : account });
  };

  return html`<form ref=${form} class="card" novalidate onSubmit=${submit}>
    ${kind.description && html`<p>${kind.description}</p>`}
    <${Errors} faults=${faults} problem=${submission.problem} />
    <${PayloadInput} payload=${payload} errors=${errors} onEdit=${resolve}
      onFormFault=${(fault) => setFaults(faultsOf(fault))} />
    <${JobOptions} value=${options} errors=${errors} onChange=${(changes, pointer) => {
      resolve(pointer);
      setOptions((old) => ({ ...old, ...changes }));
    }}
      accounts=${html`<${AccountSelect} id=${idOf("/account")} value=${options.account}
        accounts=${accounts}
        onChange=${(account) => setOptions((old) => ({ ...old, account }))} />`} />
    <div class="actions"><button class="button main" disabled=${submission.isBusy}>
      ${submission.isBusy ? "Sending…" : "Submit"}</button>
      ${
        errors.length > 0 &&
        html`<button type="button" class="button"
        onClick=${() => focusField(errors[0].pointer)}>Go to the first error</button>`
      }</div>
  </form>`;
}

// The errors found before sending, or those of the response.
const Errors = ({ faults, problem }) => html`${
  faults.length > 0 &&
  html`<div class="note bad" role="alert" tabindex="-1">
    <strong>Not sent: ${count(faults.length)} to fix</strong>
    <${Violations} errors=${faults} /></div>`
}
  ${
    problem &&
    html`<${ProblemNote} problem=${problem} errors=${false}>
    <${Violations} errors=${problem.errors} /><//>`
  }`;

const faultsOf = (detail) => (detail ? [{ pointer: "/payload", detail }] : []);

const count = (n) => (n === 1 ? "1 error" : `${n} errors`);
