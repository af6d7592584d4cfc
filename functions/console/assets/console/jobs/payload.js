import { html, useMemo, useState } from "../view.js";
import { Field, idOf, parsedJson } from "../schema/fields.js";
import { canRepresent, fieldOf, initialValue } from "../schema/form.js";
import { segments, withChange } from "../schema/pointer.js";

// A payload that is edited in a form of its schema, or as JSON.
export function usePayload(schema) {
  const field = useMemo(() => fieldOf(schema), [schema]);
  const [value, setValue] = useState(() => initialValue(field));
  const [isText, setIsText] = useState(field.type === "json");
  const [text, setText] = useState(() => (field.type === "json" ? "{}" : ""));
  return {
    field,
    value,
    isText,
    text,
    setText,
    change: (pointer, to) => setValue((old) => withChange(old, segments(pointer).slice(1), to)),
    showText: () => {
      setText(value === undefined ? "" : JSON.stringify(value, null, 2));
      setIsText(true);
    },
    // Returns why the form can't show the text, or null.
    showForm: () => {
      const { value: parsed, fault } = parsedJson(text);
      if (fault) return fault;
      if (!canRepresent(field, parsed))
        return "The form can't show this: it has members or types that the schema does not define.";
      setValue(parsed);
      setIsText(false);
      return null;
    },
    fault: () => {
      if (!isText) return null;
      return text.trim() ? parsedJson(text).fault : "Payload is missing.";
    },
    // A payload typed as JSON is sent byte for byte.
    json: () => (isText ? text : JSON.stringify(value ?? null)),
  };
}

// `onEdit(pointer)` is called for each change, `onFormFault(fault)` after a switch to the form.
export function PayloadInput({ payload, errors, onEdit, onFormFault }) {
  const { field, value, isText, text } = payload;
  const isWrong = errors.some(({ pointer }) => pointer.startsWith("/payload"));
  const change = (pointer, to) => {
    onEdit(pointer);
    payload.change(pointer, to);
  };
  return html`<div class="switch"><h2>Payload</h2>
      ${
        field.type !== "json" &&
        html`<div role="group" aria-label="Payload input">
        <button type="button" class="button" aria-pressed=${String(!isText)}
          onClick=${isText ? () => onFormFault(payload.showForm()) : undefined}>Form</button>
        <button type="button" class="button" aria-pressed=${String(isText)}
          onClick=${isText ? undefined : payload.showText}>JSON</button></div>`
      }
    </div>
    ${
      isText
        ? html`<div class="field"><label class="unseen" for=${idOf("/payload")}>
          Payload as JSON</label>
          <textarea id=${idOf("/payload")} class="code" rows="12" spellcheck=${false} value=${text}
            aria-invalid=${isWrong ? "true" : undefined}
            onInput=${(event) => {
              payload.setText(event.target.value);
              onEdit("/payload");
            }}></textarea></div>`
        : html`<${Field} field=${field} value=${value} pointer="/payload" errors=${errors}
          change=${change} />`
    }`;
}
