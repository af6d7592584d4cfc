import { html, useState } from "../view.js";
import { idOf } from "../schema/fields.js";

// A job's optional properties: due time, priority, callback and metadata.
export function JobOptions({ value, errors, onChange, accounts }) {
  const [when, setWhen] = useState("now");
  const [notes, setNotes] = useState([]);
  const setMetadata = (rows) => {
    setNotes(rows);
    const filled = rows.filter(({ name }) => name);
    onChange(
      {
        metadata: filled.length
          ? Object.fromEntries(filled.map(({ name, text }) => [name, text]))
          : undefined,
      },
      "/metadata",
    );
  };
  const edit = (index, changes) =>
    setMetadata(notes.map((row, at) => (at === index ? { ...row, ...changes } : row)));
  const changeWhen = (event) => {
    setWhen(event.target.value);
    onChange(
      { delay_seconds: event.target.value === "delay" ? 60 : undefined, run_at: undefined },
      "/delay_seconds",
    );
  };
  const isOpen = errors.some(({ pointer }) => !pointer.startsWith("/payload"));
  const entry = (
    name,
    label,
    input,
    help = null,
  ) => html`<div class="field"><label for=${idOf(`/${name}`)}>${label}</label>${input}
    <div class="help" id=${`${idOf(`/${name}`)}:help`}>${
      help &&
      html`<span class="quiet">
      ${help}</span>`
    }
      ${errors
        .filter(({ pointer }) => pointer === `/${name}`)
        .map(
          ({ detail }) => html`
        <span class="wrong"><span aria-hidden="true">✕ </span>${detail}</span>`,
        )}</div></div>`;
  const common = (name) => ({
    id: idOf(`/${name}`),
    name: `/${name}`,
    "aria-describedby": `${idOf(`/${name}`)}:help`,
    "aria-invalid": errors.some(({ pointer }) => pointer === `/${name}`) ? "true" : undefined,
  });

  return html`<details class="more" open=${isOpen || undefined}><summary>More: when, priority,
    callback, metadata</summary><div class="columns">
    ${accounts}
    <label class="field" for="when"><span>When</span><select id="when" value=${when}
      onChange=${changeWhen}>
      <option value="now">now</option><option value="delay">after a delay</option>
        <option value="at">at a time</option></select></label>
    ${
      when === "delay" &&
      entry(
        "delay_seconds",
        "Delay in seconds",
        html`<input type="number" min="0" max="31536000" step="1" required
          ...${common("delay_seconds")}
      value=${value.delay_seconds ?? ""}
        onInput=${(event) => onChange({ delay_seconds: number(event) }, "/delay_seconds")} />`,
        "at most a year",
      )
    }
    ${
      when === "at" &&
      entry(
        "run_at",
        "Local time",
        html`<input type="datetime-local" step="1" required ...${common("run_at")}
      onInput=${(event) => onChange({ run_at: instant(event) }, "/run_at")} />`,
        "at most a year ahead",
      )
    }
    ${entry(
      "priority",
      "Priority",
      html`<input type="number" min="0" max="9" step="1" ...${common("priority")}
        value=${value.priority ?? ""}
      placeholder="0" onInput=${(event) => onChange({ priority: number(event) }, "/priority")} />`,
      "9 runs first, for kinds with the discipline priority",
    )}
    ${entry(
      "callback_url",
      "Callback URL",
      html`<input type="url" maxlength="2000" ...${common("callback_url")}
        value=${value.callback_url ?? ""}
      placeholder="https://example.com/callbacks"
        onInput=${({ target }) =>
          onChange({ callback_url: target.value || undefined }, "/callback_url")} />`,
      "receives a request when the job ends",
    )}
    <fieldset id=${idOf("/metadata")} tabindex="-1"><legend>Metadata</legend>
      ${notes.map(
        ({ name, text }, index) => html`<div class="pair" key=${index}>
        <input aria-label=${`Name ${index + 1}`} maxlength="40" placeholder="name" value=${name}
          onInput=${({ target }) => edit(index, { name: target.value })} />
        <input aria-label=${`Value ${index + 1}`} maxlength="256" placeholder="value" value=${text}
          onInput=${({ target }) => edit(index, { text: target.value })} />
        <button type="button" class="button"
          onClick=${() => setMetadata(notes.filter((_, at) => at !== index))}>Remove
          <span class="unseen"> entry ${index + 1}</span></button></div>`,
      )}
      ${errors
        .filter(({ pointer }) => pointer.startsWith("/metadata"))
        .map(({ pointer, detail }) => html`<p class="wrong"><code>${pointer}</code> ${detail}</p>`)}
      <button type="button" class="button" disabled=${notes.length >= 16}
        onClick=${() => setMetadata([...notes, { name: "", text: "" }])}>Add
        <span class="unseen"> an entry</span></button>
    </fieldset></div></details>`;
}

const instant = ({ target }) => (target.value ? new Date(target.value).toISOString() : undefined);

const number = (event) => (event.target.value === "" ? undefined : Number(event.target.value));
