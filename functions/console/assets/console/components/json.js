import { html } from "../view.js";
import { Copy } from "./copy.js";

export function Json({ value, name = "JSON" }) {
  const text = JSON.stringify(value, null, 2) ?? "";
  return html`<div class="json"><${Copy} text=${text} name=${name} /><pre tabindex="0" role="region"
    aria-label=${name}>${text}</pre></div>`;
}
