import { html, useState } from "../view.js";
import { idOf } from "../schema/fields.js";
import { MetadataFields } from "./metadata.js";

// A job's optional properties: due time, priority, callback and metadata.
export function JobOptions({ value, errors, onChange, accounts }) {
  const isOpen = errors.some(({ pointer }) => !pointer.startsWith("/payload"));
  return html`<details class="more" open=${isOpen || undefined}><summary>More: when, priority,
    callback, metadata</summary><div class="columns">
    ${accounts}
    <${DueTime} value=${value} errors=${errors} onChange=${onChange} />
    <${Option} name="priority" label="Priority" errors=${errors}
      help="9 runs first, for kinds with the discipline priority">
      ${(attributes) => html`<input type="number" min="0" max="9" step="1" ...${attributes}
        value=${value.priority ?? ""} placeholder="0"
        onInput=${(event) => onChange({ priority: number(event) }, "/priority")} />`}<//>
    <${Option} name="callback_url" label="Callback URL" errors=${errors}
      help="receives a request when the job ends">
      ${(attributes) => html`<input type="url" maxlength="2000" ...${attributes}
        value=${value.callback_url ?? ""} placeholder="https://example.com/callbacks"
        onInput=${({ target }) =>
          onChange({ callback_url: target.value || undefined }, "/callback_url")} />`}<//>
    <${MetadataFields} errors=${errors}
      onChange=${(metadata) => onChange({ metadata }, "/metadata")} />
    </div></details>`;
}

function DueTime({ value, errors, onChange }) {
  const [when, setWhen] = useState("now");
  const change = (event) => {
    setWhen(event.target.value);
    onChange(
      { delay_seconds: event.target.value === "delay" ? 60 : undefined, run_at: undefined },
      "/delay_seconds",
    );
  };
  return html`<label class="field" for="when"><span>When</span><select id="when" value=${when}
      onChange=${change}>
      <option value="now">now</option><option value="delay">after a delay</option>
        <option value="at">at a time</option></select></label>
    ${
      when === "delay" &&
      html`<${Option} name="delay_seconds" label="Delay in seconds" errors=${errors}
        help="at most a year">
        ${(attributes) => html`<input type="number" min="0" max="31536000" step="1" required
          ...${attributes} value=${value.delay_seconds ?? ""}
          onInput=${(event) => onChange({ delay_seconds: number(event) }, "/delay_seconds")} />`}
      <//>`
    }
    ${
      when === "at" &&
      html`<${Option} name="run_at" label="Local time" errors=${errors} help="at most a year ahead">
        ${(attributes) => html`<input type="datetime-local" step="1" required ...${attributes}
          onInput=${(event) => onChange({ run_at: instant(event) }, "/run_at")} />`}<//>`
    }`;
}

// An input with its label, help and errors. `children(attributes)` renders the input.
function Option({ name, label, help, errors, children }) {
  const id = idOf(`/${name}`);
  const own = errors.filter(({ pointer }) => pointer === `/${name}`);
  const attributes = {
    id,
    name: `/${name}`,
    "aria-describedby": `${id}:help`,
    "aria-invalid": own.length ? "true" : undefined,
  };
  return html`<div class="field"><label for=${id}>${label}</label>${children(attributes)}
    <div class="help" id=${`${id}:help`}><span class="quiet">${help}</span>
      ${own.map(
        ({ detail }) => html`
        <span class="wrong"><span aria-hidden="true">✕ </span>${detail}</span>`,
      )}</div></div>`;
}

const instant = ({ target }) => (target.value ? new Date(target.value).toISOString() : undefined);

const number = (event) => (event.target.value === "" ? undefined : Number(event.target.value));
