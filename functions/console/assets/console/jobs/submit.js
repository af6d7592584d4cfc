import { html, useEffect, useMemo, useRef, useState } from "../view.js";
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
import { Field, idOf, parsedJson } from "../schema/fields.js";
import { fieldOf, canRepresent, initialValue } from "../schema/form.js";
import { withChange, segments } from "../schema/pointer.js";
import { invalidInputs, focusField, Violations } from "../schema/violations.js";
import { JobOptions } from "./job-options.js";
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
  const field = useMemo(() => fieldOf(kind.schema), [kind]);
  const [payload, setPayload] = useState(() => initialValue(field));
  const [isText, setIsText] = useState(field.type === "json");
  const [text, setText] = useState(() => (field.type === "json" ? "{}" : ""));
  const [more, setMore] = useState({ account: given });
  const [faults, setFaults] = useState([]);
  const accounts = useAccounts().data;
  const form = useRef();
  const submission = useSubmission();
  const errors = [...faults, ...(submission.problem?.errors ?? [])];
  const isPayloadWrong = errors.some(({ pointer }) => pointer.startsWith("/payload"));

  useEffect(() => {
    if (errors.length) form.current?.querySelector(".note.bad")?.focus();
  }, [faults, submission.problem]);

  // An error is shown until the value at its pointer changes.
  const resolve = (pointer) => {
    setFaults((old) => old.filter((error) => !error.pointer.startsWith(pointer)));
    submission.resolve(pointer);
  };
  const change = (pointer, value) => {
    resolve(pointer);
    setPayload((old) => withChange(old, segments(pointer).slice(1), value));
  };
  const toText = () => {
    setText(payload === undefined ? "" : JSON.stringify(payload, null, 2));
    setIsText(true);
  };
  const toForm = () => {
    const { value, fault } = parsedJson(text);
    if (fault) {
      setFaults([{ pointer: "/payload", detail: fault }]);
      return;
    }
    if (!canRepresent(field, value)) {
      setFaults([
        {
          pointer: "/payload",
          detail:
            "The form can't show this: it has members or types that the schema does not define.",
        },
      ]);
      return;
    }
    setFaults([]);
    setPayload(value);
    setIsText(false);
  };
  const submit = async (event) => {
    event.preventDefault();
    const found = invalidInputs(form.current);
    if (isText) {
      const { fault } = text.trim() ? parsedJson(text) : { fault: "Payload is missing." };
      if (fault) found.push({ pointer: "/payload", detail: fault });
    }
    setFaults(found);
    if (found.length) {
      submission.clear();
      return;
    }
    // A payload typed as JSON is sent byte for byte.
    const job = await submission.send(
      { kind: kind.name, ...more },
      isText ? text : JSON.stringify(payload ?? null),
    );
    if (!job) return;
    announce("Job accepted");
    navigate(["jobs", job.id], {
      account: more.account === ownAccount() ? undefined : more.account,
    });
  };

  return html`<form ref=${form} class="card" novalidate onSubmit=${submit}>
    ${kind.description && html`<p>${kind.description}</p>`}
    ${
      faults.length > 0 &&
      html`<div class="note bad" role="alert" tabindex="-1">
      <strong>Not sent: ${count(faults.length)} to fix</strong>
      <${Violations} errors=${faults} /></div>`
    }
    ${
      submission.problem &&
      html`<${ProblemNote} problem=${submission.problem} errors=${false}>
      <${Violations} errors=${submission.problem.errors} /><//>`
    }
    <div class="switch"><h2>Payload</h2>
      ${
        field.type !== "json" &&
        html`<div role="group" aria-label="Payload input">
        <button type="button" class="button" aria-pressed=${String(!isText)}
          onClick=${isText ? toForm : undefined}>Form</button>
        <button type="button" class="button" aria-pressed=${String(isText)}
          onClick=${isText ? undefined : toText}>JSON</button></div>`
      }
    </div>
    ${
      isText
        ? html`<div class="field"><label class="unseen" for=${idOf("/payload")}>
          Payload as JSON</label>
          <textarea id=${idOf("/payload")} class="code" rows="12" spellcheck=${false} value=${text}
            aria-invalid=${isPayloadWrong ? "true" : undefined}
            onInput=${(event) => {
              setText(event.target.value);
              resolve("/payload");
            }}></textarea></div>`
        : html`<${Field} field=${field} value=${payload} pointer="/payload" errors=${errors}
          change=${change} />`
    }
    <${JobOptions} value=${more} errors=${errors} onChange=${(changes, pointer) => {
      resolve(pointer);
      setMore((old) => ({ ...old, ...changes }));
    }}
      accounts=${html`<${AccountSelect} id=${idOf("/account")} value=${more.account}
        accounts=${accounts}
        onChange=${(account) => setMore((old) => ({ ...old, account }))} />`} />
    <div class="actions"><button class="button main" disabled=${submission.isBusy}>
      ${submission.isBusy ? "Sending…" : "Submit"}</button>
      ${
        errors.length > 0 &&
        html`<button type="button" class="button"
        onClick=${() => focusField(errors[0].pointer)}>Go to the first error</button>`
      }</div>
  </form>`;
}

const count = (n) => (n === 1 ? "1 error" : `${n} errors`);
