import { html, useEffect, useState } from "../view.js";
import { announce } from "../announce.js";

export function Copy({ text, name = "id", label = null }) {
  const [isDone, setDone] = useState(false);
  useEffect(() => {
    const timer = isDone && setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [isDone]);
  const copy = async () => {
    if (!(await copied(text))) return;
    setDone(true);
    announce(`Copied the ${name}`);
  };
  return html`<button type="button" class=${label ? "button" : "copy"} title=${`Copy the ${name}`}
    onClick=${copy}>
    ${
      label
        ? isDone
          ? "Copied"
          : label
        : html`<${CopyIcon} isDone=${isDone} /><span class="unseen">
      Copy the ${name}</span>`
    }
  </button>`;
}

// An SVG, since not every font has a symbol for copying.
const CopyIcon = ({
  isDone,
}) => html`<svg aria-hidden="true" width="13" height="13" viewBox="0 0 16 16" fill="none"
  stroke="currentColor" stroke-width="1.6">
  ${
    isDone
      ? html`<path d="M2 9l4 4 8-10" />`
      : html`<rect x="5" y="5" width="9" height="9"
    rx="2" /><path d="M11 2H4a2 2 0 0 0-2 2v7" />`
  }</svg>`;

// An id with a copy button, and a link if `to` is given.
export const Id = ({ id, to = null, name = "id" }) => html`<span class="id">
  ${to ? html`<a href=${to}><code>${id}</code></a>` : html`<code>${id}</code>`}<${Copy} text=${id}
    name=${name} />
</span>`;

async function copied(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      /* Not allowed: copy by a selection instead. */
    }
  }
  const area = document.createElement("textarea");
  area.value = text;
  // A modal dialog makes elements outside of it inert.
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  return isDone;
}
