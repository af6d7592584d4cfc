import { html, useState } from "../view.js";
import { request } from "../api.js";
import { useAction } from "../resource.js";
import { Copy } from "../components/copy.js";
import { Dialog } from "../components/dialog.js";
import { ProblemNote } from "../components/problem.js";

const SCOPES = [
  ["jobs:read", "read jobs and results"],
  ["jobs:write", "submit, cancel and retry jobs"],
  ["events:read", "read and watch events"],
  ["events:write", "publish events"],
  ["usage:read", "read usage and quotas"],
  ["usage:write", "report usage"],
  ["metrics:read", "read metrics"],
  ["admin", "operator: full access to all accounts"],
];

// Two steps: create the key, then show its secret, which the API returns only once.
export function NewKey({ path, onCreated, onClose }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState(["jobs:read", "jobs:write"]);
  const [end, setEnd] = useState("");
  const [created, setCreated] = useState(null);
  const creation = useAction();
  const create = async (event) => {
    event.preventDefault();
    const body = { name, scopes, expires_at: end ? new Date(end).toISOString() : null };
    const answer = await creation.run(() => request("POST", path, { body }));
    if (!answer) return;
    setCreated(answer.body);
    onCreated();
  };
  const toggle = (scope) =>
    setScopes((old) =>
      old.includes(scope) ? old.filter((one) => one !== scope) : [...old, scope],
    );

  if (created)
    return html`<${Dialog} key="created" title=${`Key ${created.name}`} isSticky onClose=${onClose}>
    <p>The secret is shown only once. Store it before you close this dialog.</p>
    <p class="secret"><code>${created.secret}</code></p>
    <div class="actions"><${Copy} text=${created.secret} name="key" label="Copy the key" />
      <button type="button" class="button main" onClick=${onClose}>Done</button></div><//>`;
  return html`<${Dialog} key="create" title="Create a key" onClose=${onClose}>
    <form onSubmit=${create}>
    <${ProblemNote} problem=${creation.problem} />
    <label class="field" for="key-name"><span>Name</span><input id="key-name" required
      maxlength="100" autocomplete="off" placeholder="where it is used" value=${name}
      onInput=${(event) => setName(event.target.value)} /></label>
    <fieldset><legend>Scopes</legend>${SCOPES.map(
      ([
        scope,
        meaning,
      ]) => html`<label class="check"><input type="checkbox" checked=${scopes.includes(scope)}
        onChange=${() => toggle(scope)} />
      <span><code>${scope}</code> <span class="quiet">${meaning}</span></span></label>`,
    )}</fieldset>
    <label class="field" for="key-end"><span>Expires (local time)</span><input id="key-end"
      type="datetime-local" value=${end} onInput=${(event) => setEnd(event.target.value)} />
      <span class="help quiet">Leave empty for a key that does not expire.</span></label>
    <div class="actions"><button class="button main" disabled=${creation.isBusy || !scopes.length}>
      Create</button><button type="button" class="button" onClick=${onClose}>
      Close</button></div>
  </form><//>`;
}
