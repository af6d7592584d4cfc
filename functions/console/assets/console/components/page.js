import { html, useEffect } from "../view.js";

// A view with its title, link back and actions.
export function Page({
  title,
  heading = null,
  titleExtra = null,
  back = null,
  actions = null,
  children,
}) {
  useEffect(() => {
    document.title = `${title} · Tollgate`;
  }, [title]);
  return html`<header class="head">
      <div>${
        back &&
        html`<a class="back" href=${back.href}><span aria-hidden="true">‹ </span>
        ${back.title}</a>`
      }
      <div class="title"><h1 tabindex="-1">${heading ?? title}</h1>${titleExtra}</div></div>
      ${actions && html`<div class="actions">${actions}</div>`}
    </header>${children}`;
}
