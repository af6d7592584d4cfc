import { html, useEffect, useId, useRef } from "../view.js";

// A modal dialog. Escape and clicks on the backdrop close it, unless `isSticky` is set.
export function Dialog({ title, onClose, isSticky = false, children }) {
  const dialog = useRef();
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element.showModal();
    return () => {
      element.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      else document.querySelector("main h1")?.focus();
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    if (!isSticky) onClose();
  };
  const press = (event) => {
    if (event.target === dialog.current && !isSticky) onClose();
  };
  return html`<dialog ref=${dialog} aria-labelledby=${id} onCancel=${cancel} onMouseDown=${press}>
    <div class="dialog"><h2 id=${id}>${title}</h2>${children}</div>
  </dialog>`;
}

// Asks for confirmation of an action that can't be undone.
export function Confirm({ title, verb, onConfirm, onClose, action, children }) {
  return html`<${Dialog} title=${title} onClose=${onClose}>
    ${children}
    ${
      action.problem &&
      html`<p class="note bad" role="alert"><strong>
      ${action.problem.title}</strong> ${action.problem.detail}</p>`
    }
    <div class="actions">
      <button type="button" class="button danger" disabled=${action.isBusy} onClick=${onConfirm}>
        ${verb}</button>
      <button type="button" class="button" autofocus onClick=${onClose}>Close</button>
    </div>
  <//>`;
}
