import { html, useState } from "../view.js";
import { announce } from "../announce.js";
import { request, segment } from "../api.js";
import { navigate, href } from "../router.js";
import { useAction } from "../resource.js";
import { isAdmin } from "../session.js";
import { Confirm } from "../components/dialog.js";
import { RESOURCES } from "./resources.js";

// Operators' actions on a definition.
export function DefinitionActions({ resource, name, children }) {
  const [isAsked, setAsked] = useState(false);
  const action = useAction();
  if (!isAdmin()) return null;
  const remove = async () => {
    const done = await action.run(() => request("DELETE", `${resource}/${segment(name)}`));
    if (!done) return;
    announce(`${name} is deleted`);
    navigate(resource);
  };
  return html`<a class="button" href=${href(["define", resource, name])}>Change</a>
    <button type="button" class="button danger" onClick=${() => setAsked(true)}>Delete</button>
    ${
      isAsked &&
      html`<${Confirm} title=${`Delete the ${RESOURCES[resource].one} ${name}?`} verb="Delete"
        action=${action} onConfirm=${remove}
      onClose=${() => {
        setAsked(false);
        action.clear();
      }}>${children}<//>`
    }`;
}

export const DefineLink = ({ resource }) =>
  isAdmin() &&
  html`<a class="button main" href=${href(["define", resource])}>
    Define a ${RESOURCES[resource].one}</a>`;
