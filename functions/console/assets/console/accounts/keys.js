import { html, useState } from "../view.js";
import { announce } from "../announce.js";
import { request, segment } from "../api.js";
import { useAction } from "../resource.js";
import { useSession } from "../session.js";
import { Id } from "../components/copy.js";
import { Confirm } from "../components/dialog.js";
import { Loaded, Pager, usePages } from "../components/pages.js";
import { Status } from "../components/status.js";
import { Empty, Table } from "../components/table.js";
import { Ago, Time } from "../components/time.js";
import { NewKey } from "./key.js";

export function Keys({ account }) {
  const path = `accounts/${segment(account.id)}/keys`;
  const pages = usePages(path, {});
  const [revoked, setRevoked] = useState(null);
  const [isCreating, setCreating] = useState(false);
  const action = useAction();
  const own = useSession().caller?.key_id;

  const revoke = async () => {
    if (!(await action.run(() => request("DELETE", `${path}/${segment(revoked.id)}`)))) return;
    announce(`Key ${revoked.name} revoked`);
    setRevoked(null);
    pages.reload();
  };
  return html`<section class="card"><div class="switch"><h2>Keys</h2><button type="button"
    class="button main" onClick=${() => setCreating(true)}>Create a key</button></div>
    <${Loaded} of=${pages} empty=${html`<${Empty} title="No keys yet"><p>Create one for each client
      of this account.</p><//>`}>
      ${({
        items,
      }) => html`<${Table} caption="Keys, oldest first" columns=${columns(own, setRevoked)}
        rows=${items}
        isBusy=${pages.isStale} /><${Pager} pages=${pages} />`}
    <//>
    ${
      revoked &&
      html`<${Confirm} title=${`Revoke the key ${revoked.name}?`} verb="Revoke" action=${action}
        onConfirm=${revoke}
      onClose=${() => {
        setRevoked(null);
        action.clear();
      }}><p>Requests with it fail within 30 seconds. This can't
      be undone.</p><//>`
    }
    ${
      isCreating &&
      html`<${NewKey} path=${path} onCreated=${() => pages.reload()}
      onClose=${() => setCreating(false)} />`
    }
  </section>`;
}

// `own` is the id of the key in use, which has no button.
const columns = (own, onRevoke) => [
  { title: "Key", cell: ({ name }) => html`<strong>${name}</strong>` },
  { title: "State", cell: (key) => html`<${Status} is=${stateOf(key)} />` },
  { title: "Id", cell: ({ id }) => html`<${Id} id=${id} name="key's id" />` },
  {
    title: "Scopes",
    class: "wide",
    cell: ({ scopes }) =>
      html`<span class="tags">${scopes.map((scope) => html`<code>${scope}</code>`)}</span>`,
  },
  { title: "Last used", cell: ({ last_used_at }) => html`<${Ago} at=${last_used_at} />` },
  {
    title: "Expires",
    cell: ({ expires_at }) => (expires_at ? html`<${Time} at=${expires_at} />` : "never"),
  },
  {
    title: "",
    class: "number",
    cell: (key) =>
      stateOf(key) !== "good"
        ? null
        : key.id === own
          ? html`<span class="quiet">in use here</span>`
          : html`<button type="button" class="button danger" onClick=${() => onRevoke(key)}>
            Revoke<span class="unseen"> ${key.name}</span></button>`,
  },
];

function stateOf({ revoked_at, expires_at }) {
  if (revoked_at) return "revoked";
  return expires_at && Date.parse(expires_at) <= Date.now() ? "expired" : "good";
}
