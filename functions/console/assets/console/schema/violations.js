import { html } from "../view.js";
import { idOf } from "./fields.js";
import { names } from "./pointer.js";

// What is wrong in a form, in one place, each leading to its field, or to the nearest that there is.
export const Violations = ({ errors }) =>
  html`<ul class="errors">${errors.map(
    ({ pointer, detail }) => html`<li>
  <button type="button" class="link" onClick=${() => reach(pointer)}><code>
    ${pointer || "/"}</code></button> ${detail}</li>`,
  )}</ul>`;

export function reach(pointer) {
  const parts = names(pointer);
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

// The inputs that break their own limits, as the browser says it: all of them, and not one bubble at a time.
export const broken = (form) =>
  [...form.elements]
    .filter(
      (element) => element.name?.startsWith("/") && element.willValidate && !element.validity.valid,
    )
    .map((element) => ({ pointer: element.name, detail: element.validationMessage }));
