import { html, useState } from "../view.js";
import { announce } from "../announce.js";
import { request, segment } from "../api.js";
import { go, href } from "../router.js";
import { useAction } from "../resource.js";
import { isAdmin } from "../session.js";
import { Confirm } from "../parts/dialog.js";
import { SORTS } from "./sorts.js";

// Operators' actions on a definition.
export function Control({ sort, name, children }) {
  const [isAsked, setAsked] = useState(false);
  const action = useAction();
  if (!isAdmin()) return null;
  const remove = async () => {
    const done = await action.run(() => request("DELETE", `${sort}/${segment(name)}`));
    if (!done) return;
    announce(`${name} is deleted`);
    go(sort);
  };
  return html`<a class="button" href=${href(["define", sort, name])}>Change</a>
    <button type="button" class="button danger" onClick=${() => setAsked(true)}>Delete</button>
    ${
      isAsked &&
      html`<${Confirm} title=${`Delete the ${SORTS[sort].one} ${name}?`} verb="Delete"
        action=${action} onConfirm=${remove}
      onClose=${() => {
        setAsked(false);
        action.clear();
      }}>${children}<//>`
    }`;
}

export const Define = ({ sort }) =>
  isAdmin() &&
  html`<a class="button main" href=${href(["define", sort])}>Define a ${SORTS[sort].one}</a>`;
