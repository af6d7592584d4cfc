import { html, useState } from "../view.js";
import { announce } from "../announce.js";
import { get, request, segment } from "../api.js";
import { href } from "../router.js";
import { useAction, useResource } from "../resource.js";
import { ownAccount } from "../session.js";
import { Id } from "../components/copy.js";
import { Confirm } from "../components/dialog.js";
import { Page } from "../components/page.js";
import { Loaded } from "../components/pages.js";
import { ProblemNote } from "../components/problem.js";
import { Status } from "../components/status.js";
import { Facts } from "../components/table.js";
import { Time } from "../components/time.js";
import { Keys } from "./keys.js";

export function AccountView({ parts: [, id] }) {
  const account = useResource((signal) => get(`accounts/${segment(id)}`, {}, { signal }), [id]);
  return html`<${Page} title=${account.data?.name ?? "Account"}
    back=${{ href: href("accounts"), title: "Accounts" }}
      actions=${
        account.data &&
        html`
        <a class="button" href=${href("jobs", { account: id === ownAccount() ? "" : id })}>
        Its jobs</a><${Activity} account=${account.data} reload=${account.reload} />`
      }>
    <${Loaded} of=${account}>${(
      account_,
    ) => html`<section class="card"><h2>Account</h2><${Facts} of=${[
      ["State", html`<${Status} is=${account_.is_active ? "active" : "inactive"} />`],
      ["Id", html`<${Id} id=${account_.id} name="account's id" />`],
      ["Created", html`<${Time} at=${account_.created_at} />`],
    ]} /><${Change} account=${account_} reload=${account.reload} /></section>
      <${Keys} account=${account_} />`}<//>
  <//>`;
}

function Change({ account, reload }) {
  const [name, setName] = useState(account.name);
  const [cap, setCap] = useState(account.max_running ?? "");
  const saving = useAction();
  const isChanged = name !== account.name || String(cap) !== String(account.max_running ?? "");
  const save = async (event) => {
    event.preventDefault();
    const body = { name, max_running: cap === "" ? null : Number(cap) };
    if (await saving.run(() => request("PATCH", `accounts/${segment(account.id)}`, { body }))) {
      announce("Account saved");
      reload();
    }
  };
  return html`<form onSubmit=${save}><${ProblemNote} problem=${saving.problem} /><div class="row">
    <label class="field" for="name"><span>Name</span><input id="name" required maxlength="100"
      value=${name} onInput=${(event) => setName(event.target.value)} /></label>
    <label class="field" for="cap"><span>Concurrency limit</span>
      <input id="cap" type="number" min="1"
      max="1000" placeholder="the stack's" value=${cap}
      onInput=${(event) => setCap(event.target.value)} /></label>
    <button class="button" disabled=${saving.isBusy || !isChanged}>Save</button></div></form>`;
}

function Activity({ account, reload }) {
  const [isAsked, setAsked] = useState(false);
  const action = useAction();
  const set = async (is_active) => {
    if (
      !(await action.run(() =>
        request("PATCH", `accounts/${segment(account.id)}`, { body: { is_active } }),
      ))
    )
      return;
    setAsked(false);
    announce(is_active ? "Account activated" : "Account deactivated");
    reload();
  };
  if (!account.is_active)
    return html`<button type="button" class="button main" disabled=${action.isBusy}
      onClick=${() => set(true)}>Activate</button>`;
  if (account.id === ownAccount()) return null;
  return html`<button type="button" class="button danger" onClick=${() => setAsked(true)}>
    Deactivate</button>
    ${
      isAsked &&
      html`<${Confirm} title=${`Deactivate ${account.name}?`} verb="Deactivate" action=${action}
        onConfirm=${() => set(false)}
      onClose=${() => {
        setAsked(false);
        action.clear();
      }}><p>Its keys stop working within 30 seconds. Running and queued jobs continue.</p><//>`
    }`;
}
