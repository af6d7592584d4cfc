import { html } from "../view.js";
import { idOf } from "./fields.js";
import { segments } from "./pointer.js";

// List of a form's errors. Each focuses its field, or the nearest ancestor that has one.
export const Violations = ({ errors }) =>
  html`<ul class="errors">${errors.map(
    ({ pointer, detail }) => html`<li>
  <button type="button" class="link" onClick=${() => focusField(pointer)}><code>
    ${pointer || "/"}</code></button> ${detail}</li>`,
  )}</ul>`;

export function focusField(pointer) {
  const parts = segments(pointer);
  for (let length = parts.length; length > 0; length -= 1) {
    const field = document.getElementById(
      idOf(
        pointer
          .split("/")
          .slice(0, length + 1)
          .join("/"),
      ),
    );
    if (field) {
      field.focus();
      return;
    }
  }
}

// All inputs that are invalid by the browser's validation, with its messages.
export const invalidInputs = (form) =>
  [...form.elements]
    .filter(
      (element) => element.name?.startsWith("/") && element.willValidate && !element.validity.valid,
    )
    .map((element) => ({ pointer: element.name, detail: element.validationMessage }));
