import { html, useState } from "../view.js";
import { idOf } from "../schema/fields.js";

// Names and values of a job's metadata. Entries without a name are omitted.
export function MetadataFields({ errors, onChange }) {
  const [entries, setEntries] = useState([]);
  const update = (changed) => {
    setEntries(changed);
    const named = changed.filter(({ name }) => name);
    onChange(
      named.length ? Object.fromEntries(named.map(({ name, text }) => [name, text])) : undefined,
    );
  };
  const edit = (index, changes) =>
    update(entries.map((entry, at) => (at === index ? { ...entry, ...changes } : entry)));
  return html`<fieldset id=${idOf("/metadata")} tabindex="-1"><legend>Metadata</legend>
      ${entries.map(
        ({ name, text }, index) => html`<div class="pair" key=${index}>
        <input aria-label=${`Name ${index + 1}`} maxlength="40" placeholder="name" value=${name}
          onInput=${({ target }) => edit(index, { name: target.value })} />
        <input aria-label=${`Value ${index + 1}`} maxlength="256" placeholder="value" value=${text}
          onInput=${({ target }) => edit(index, { text: target.value })} />
        <button type="button" class="button"
          onClick=${() => update(entries.filter((_, at) => at !== index))}>Remove
          <span class="unseen"> entry ${index + 1}</span></button></div>`,
      )}
      ${errors
        .filter(({ pointer }) => pointer.startsWith("/metadata"))
        .map(({ pointer, detail }) => html`<p class="wrong"><code>${pointer}</code> ${detail}</p>`)}
      <button type="button" class="button" disabled=${entries.length >= 16}
        onClick=${() => update([...entries, { name: "", text: "" }])}>Add
        <span class="unseen"> an entry</span></button>
    </fieldset>`;
}
