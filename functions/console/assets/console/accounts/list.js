import { html, useState } from "../view.js";
import { request } from "../api.js";
import { navigate, href } from "../router.js";
import { useAction } from "../resource.js";
import { Id } from "../components/copy.js";
import { Dialog } from "../components/dialog.js";
import { Page } from "../components/page.js";
import { Loaded, Pager, usePages } from "../components/pages.js";
import { ProblemNote } from "../components/problem.js";
import { Status } from "../components/status.js";
import { Empty, Table } from "../components/table.js";
import { Time } from "../components/time.js";

const COLUMNS = [
  { title: "Account", cell: ({ id, name }) => html`<a href=${href(["accounts", id])}>${name}</a>` },
  {
    title: "State",
    cell: ({ is_active }) => html`<${Status} is=${is_active ? "active" : "inactive"} />`,
  },
  { title: "Id", cell: ({ id }) => html`<${Id} id=${id} name="account's id" />` },
  { title: "Concurrency limit", class: "number", cell: ({ max_running }) => max_running ?? "–" },
  { title: "Created", cell: ({ created_at }) => html`<${Time} at=${created_at} />` },
];

export function AccountList() {
  const pages = usePages("accounts", {});
  const [isCreating, setCreating] = useState(false);
  return html`<${Page} title="Accounts" actions=${html`<button type="button" class="button main"
    onClick=${() => setCreating(true)}>Create an account</button>`}>
    <${Loaded} of=${pages} empty=${html`<${Empty} title="No accounts yet">
      <p>Each tenant has an account with its own keys.</p><//>`}>
      ${({ items }) => html`<${Table} caption="Accounts" columns=${COLUMNS} rows=${items}
        isBusy=${pages.isStale} /><${Pager} pages=${pages} />`}
    <//>
    ${isCreating && html`<${CreateAccount} onClose=${() => setCreating(false)} />`}
  <//>`;
}

function CreateAccount({ onClose }) {
  const [name, setName] = useState("");
  const [cap, setCap] = useState("");
  const creation = useAction();
  const create = async (event) => {
    event.preventDefault();
    const created = await creation.run(() =>
      request("POST", "accounts", { body: { name, max_running: cap === "" ? null : Number(cap) } }),
    );
    if (created) navigate(["accounts", created.body.id]);
  };
  return html`<${Dialog} title="Create an account" onClose=${onClose}><form onSubmit=${create}>
    <${ProblemNote} problem=${creation.problem} />
    <label class="field" for="account-name"><span>Name</span><input id="account-name" required
      maxlength="100" autocomplete="off" value=${name}
      onInput=${(event) => setName(event.target.value)} /></label>
    <label class="field" for="account-cap"><span>Concurrency limit</span><input id="account-cap"
      type="number" min="1" max="1000" value=${cap} placeholder="the stack's default"
      onInput=${(event) => setCap(event.target.value)} /></label>
    <div class="actions"><button class="button main" disabled=${creation.isBusy}>Create</button>
      <button type="button" class="button" onClick=${onClose}>Close</button></div>
  </form><//>`;
}
