// The inputs of a form generated from a JSON Schema, identified by JSON Pointers.
import { html, useEffect, useState } from "../view.js";
import { initialValue, newItem } from "./form.js";
import { join } from "./pointer.js";

export const idOf = (pointer) => `field:${pointer}`;

// `errors` are those of the problem, `change(pointer, value)` receives new values.
export function Field({ field, value, pointer, errors, change, label = null }) {
  const Input = INPUTS[field.type];
  const own = errors.filter((error) => error.pointer === pointer);
  const name = label ?? field.title ?? field.name ?? "Payload";
  const props = {
    field,
    value,
    pointer,
    errors,
    change,
    name,
    described: `${idOf(pointer)}:help`,
    isWrong: own.length > 0,
  };
  const notes = html`<div id=${props.described} class="help">
    ${field.description && html`<span>${field.description}</span>`}
    ${
      field.type !== "object" &&
      field.type !== "array" &&
      html`<span class="quiet">
      ${limits(field)}</span>`
    }
    ${own.map(
      ({ detail }) => html`<span class="wrong"><span aria-hidden="true">✕ </span>
      ${detail}</span>`,
    )}</div>`;
  if (field.type === "object" || field.type === "array") {
    if (field.type === "object" && !field.name && pointer === "/payload")
      return html`<div id=${idOf(pointer)} tabindex="-1">${notes}<${Input} ...${props} /></div>`;
    return html`<fieldset id=${idOf(pointer)} tabindex="-1"><legend>${name}${mark(field)}</legend>
      ${notes}<${Input} ...${props} /></fieldset>`;
  }
  return html`<div class="field"><label for=${idOf(pointer)}>${name}${mark(field)}</label>
    <${Input} ...${props} />${notes}</div>`;
}

const mark = ({ isRequired }) =>
  isRequired
    ? html`<span class="required" title="required"><span aria-hidden="true"> *</span>
      <span class="unseen"> (required)</span></span>`
    : null;

function limits(field) {
  const { type, min, max, minLength, maxLength, format } = field;
  const range = (low, high, unit = "") =>
    low !== undefined && high !== undefined
      ? `${low} to ${high}${unit}`
      : low !== undefined
        ? `at least ${low}${unit}`
        : high !== undefined
          ? `at most ${high}${unit}`
          : null;
  const parts =
    type === "integer" || type === "number"
      ? [type === "integer" ? "whole number" : "number", range(min, max)]
      : type === "text"
        ? [format, range(minLength, maxLength, " characters")]
        : type === "json"
          ? ["JSON"]
          : [];
  return parts.filter(Boolean).join(", ");
}

const common = ({ field, pointer, described, isWrong }) => ({
  id: idOf(pointer),
  name: pointer,
  required: field.isRequired && !field.isNullable,
  "aria-describedby": described,
  "aria-invalid": isWrong ? "true" : undefined,
});

function TextInput(props) {
  const { field, value, pointer, change } = props;
  const attributes = {
    ...common(props),
    value: value ?? "",
    minlength: field.minLength,
    maxlength: field.maxLength,
    spellcheck: false,
    placeholder: field.examples?.[0],
    // An empty optional member is omitted.
    onInput: (event) =>
      change(pointer, event.target.value === "" && !field.isItem ? undefined : event.target.value),
  };
  return field.isLong
    ? html`<textarea rows="3" ...${attributes}></textarea>`
    : html`<input type=${field.input} pattern=${field.pattern} ...${attributes} />`;
}

function NumberInput(props) {
  const { field, value, pointer, change } = props;
  const input = (event) =>
    change(pointer, event.target.value === "" ? undefined : Number(event.target.value));
  return html`<input type="number" ...${common(props)}
    inputmode=${field.type === "integer" ? "numeric" : "decimal"} min=${field.min} max=${field.max}
    step=${field.step}
    value=${value ?? ""} placeholder=${field.examples?.[0]} onInput=${input} />`;
}

function Choice(props) {
  const { field, value, pointer, change } = props;
  const options = field.type === "boolean" ? [true, false] : field.options;
  const at = options.findIndex((option) => JSON.stringify(option) === JSON.stringify(value));
  return html`<select ...${common(props)} value=${String(at)}
    onChange=${(event) => change(pointer, options[event.target.value])}>
    <option value="-1" disabled=${field.isRequired}>${field.isRequired ? "Choose…" : "not set"}
      </option>
    ${options.map(
      (option, index) => html`<option value=${String(index)}>
      ${optionText(field, option)}</option>`,
    )}
  </select>`;
}

function optionText({ type }, option) {
  if (typeof option === "string") return option;
  if (type === "boolean") return option ? "yes" : "no";
  return JSON.stringify(option);
}

function BooleanInput(props) {
  const { field, value, pointer, change } = props;
  if (!field.isRequired && field.default === undefined) return html`<${Choice} ...${props} />`;
  return html`<input type="checkbox" ...${common(props)} required=${false} checked=${value === true}
    onChange=${(event) => change(pointer, event.target.checked)} />`;
}

// A JSON text for a part that the form can't express.
function JsonInput(props) {
  const { value, pointer, change } = props;
  const [text, setText] = useState(() =>
    value === undefined ? "" : JSON.stringify(value, null, 2),
  );
  const [fault, setFault] = useState(null);
  const input = ({ target }) => {
    setText(target.value);
    const { value: parsed, fault } = parsedJson(target.value);
    setFault(fault);
    target.setCustomValidity(fault ?? "");
    if (!fault) change(pointer, parsed);
  };
  return html`<textarea rows="4" class="code" ...${common(props)} value=${text} spellcheck=${false}
    onInput=${input}></textarea>
    ${fault && html`<span class="wrong">${fault}</span>`}`;
}

export function parsedJson(text) {
  if (text.trim() === "") return { value: undefined, fault: null };
  try {
    return { value: JSON.parse(text), fault: null };
  } catch (error) {
    return { value: undefined, fault: `Invalid JSON: ${error.message}` };
  }
}

function Members({ field, value, pointer, errors, change }) {
  const isSet = value !== undefined;
  if (!field.isRequired && field.name && !isSet)
    return html`<button type="button" class="button"
      onClick=${() => change(pointer, initialValue({ ...field, isRequired: true }))}>
      Fill in ${field.title ?? field.name}</button>`;
  const known = field.fields.map(({ name }) => join(pointer, name));
  // Errors of members that the form doesn't have.
  const unknown = errors.filter(
    (error) =>
      error.pointer.startsWith(`${pointer}/`) &&
      !known.some((one) => error.pointer === one || error.pointer.startsWith(`${one}/`)),
  );
  return html`${field.fields.length === 0 && html`<p class="quiet">No fields.</p>`}
    ${field.fields.map(
      (inner) => html`<${Field} key=${inner.name} field=${inner}
      value=${value?.[inner.name]} pointer=${join(pointer, inner.name)} errors=${errors}
      change=${change} />`,
    )}
    ${unknown.map(
      ({ pointer, detail }) => html`<p class="wrong"><code>
      ${pointer}</code> ${detail}</p>`,
    )}
    ${
      !field.isRequired &&
      field.name &&
      html`<button type="button" class="button"
      onClick=${() => change(pointer, undefined)}>Remove ${field.title ?? field.name}
      </button>`
    }`;
}

function Items({ field, value, pointer, errors, change, name }) {
  const items = value ?? [];
  const [focused, setFocused] = useState(null);
  useEffect(() => {
    if (focused !== null) document.getElementById(idOf(join(pointer, focused)))?.focus();
  }, [focused]);
  const drop = (index) => {
    const rest = items.filter((_, at) => at !== index);
    change(pointer, rest.length || field.isRequired ? rest : undefined);
    setFocused(null);
    document.getElementById(idOf(pointer))?.focus();
  };
  const item = { ...field.item, isItem: true, isRequired: field.item.type !== "text" };
  return html`${items.map(
    (one, index) => html`<div class="item" key=${index}>
      <${Field} field=${item} label=${`${name} ${index + 1}`} value=${one ?? undefined}
        pointer=${join(pointer, index)} errors=${errors} change=${change} />
      <button type="button" class="button" onClick=${() => drop(index)}>Remove
        <span class="unseen"> ${name} ${index + 1}</span></button></div>`,
  )}
    <button type="button" class="button" disabled=${items.length >= (field.maxItems ?? Infinity)}
      onClick=${() => {
        change(pointer, [...items, newItem(field.item)]);
        setFocused(items.length);
      }}>Add<span class="unseen"> to ${name}</span></button>`;
}

const INPUTS = {
  text: TextInput,
  number: NumberInput,
  integer: NumberInput,
  boolean: BooleanInput,
  enum: Choice,
  json: JsonInput,
  object: Members,
  array: Items,
};
