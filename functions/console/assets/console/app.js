// The frame around all views: header, menu and sign-in state.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./view.js";
import { get } from "./api.js";
import { setRegion } from "./announce.js";
import { LazyView } from "./lazy-view.js";
import { useResource } from "./resource.js";
import { href, useRoute } from "./router.js";
import { signIn, signOut, key, hasScope, useSession } from "./session.js";
import { loaderOf, viewOf, VIEWS } from "./views.js";
import { SignIn } from "./signin.js";
import { Loading } from "./components/table.js";
import { ProblemNote } from "./components/problem.js";

export function App() {
  const session = useSession();
  if (!session.key) return html`<${SignIn} reason=${session.reason} />`;
  if (!session.caller) return html`<${Resume} />`;
  return html`<${Frame} caller=${session.caller} wasKept=${session.wasKept} />`;
}

// After a reload the tab has the key, but not the caller, so the API is asked for it.
function Resume() {
  const caller = useResource(async (signal) => {
    const caller = await get("token", {}, { signal });
    signIn(key(), caller);
    return caller;
  }, []);
  return html`<main class="signin" id="main"><h1>Tollgate</h1>${
    caller.problem
      ? html`<${ProblemNote} problem=${caller.problem} onRetry=${caller.reload} />
        <button class="button" onClick=${() => signOut()}>Sign out</button>`
      : html`<${Loading} />`
  }</main>`;
}

function Frame({ caller, wasKept }) {
  const { parts, query } = useRoute();
  const place = parts.join("/");
  const main = useRef();
  // After a reload the browser restores the scroll position, so the first view takes no focus.
  const first = useRef(wasKept ? place : null);
  if (first.current !== place) first.current = null;
  const view = viewOf(parts);

  // On a phone the menu scrolls horizontally, and the current entry may be out of sight.
  useLayoutEffect(
    () =>
      document
        .querySelector(".side [aria-current]")
        ?.scrollIntoView({ block: "nearest", inline: "center" }),
    [place],
  );

  return html`<a class="skip" href="#main" onClick=${(event) => {
    event.preventDefault();
    main.current.querySelector("h1")?.focus();
  }}>Skip to the content</a>
    <header class="top">
      <a class="brand" href=${href("jobs")}><img src="console/icon.svg" alt="" width="22"
        height="22" />Tollgate</a>
      <div class="who"><span title=${caller.account_id}>${caller.account_name}</span>
        <span class="quiet"> · ${caller.name}${hasScope("admin") ? " (operator)" : ""}</span></div>
      <${Theme} />
      <button type="button" class="button" onClick=${() => {
        signOut();
      }}>Sign out</button>
    </header>
    <nav class="side" aria-label="Main"><ul>
      ${VIEWS.filter((one) => one.title && one.isOpen()).map(
        (one) => html`<li><a href=${href(one.path)}
        aria-current=${view?.path === one.path ? "page" : null}>${one.title}</a></li>`,
      )}
    </ul><p class="small"><a href="docs">API reference</a></p></nav>
    <main id="main" ref=${main}>${
      view?.isOpen()
        ? html`<${LazyView} key=${view.isOne ? view.path : place} load=${loaderOf(view, parts)}
          parts=${parts} query=${query} isFocused=${first.current !== place} />`
        : html`<${NotFound} exists=${Boolean(view)} />`
    }</main>
    <div class="unseen" aria-live="polite" ref=${setRegion}></div>`;
}

function NotFound({ exists }) {
  useEffect(() => {
    document.title = "Not found · Tollgate";
  }, []);
  return html`<h1 tabindex="-1">${exists ? "Your key has no access" : "Page not found"}
    </h1>
    <p>${
      exists
        ? "Ask the operator for a key with the required scopes."
        : "Choose a page from the menu."
    }</p>`;
}

function Theme() {
  const [isDark, setDark] = useState(globalThis.tollgateTheme.isDark);
  const change = () => {
    globalThis.tollgateTheme.choose(isDark ? "light" : "dark");
    setDark(!isDark);
  };
  return html`<button type="button" class="button" aria-pressed=${String(isDark)} onClick=${change}>
    <span aria-hidden="true">${isDark ? "☾" : "☀"}</span><span class="unseen">
      Dark theme</span></button>`;
}
