import { html, useEffect, useRef, useState } from "./view.js";
import { get } from "./api.js";
import { useAction } from "./resource.js";
import { signIn } from "./session.js";
import { ProblemNote } from "./components/problem.js";

// The sign-in form. The console sends no API request before it has a key.
export function SignIn({ reason }) {
  const [key, setKey] = useState("");
  const trying = useAction();
  const input = useRef();
  useEffect(() => {
    document.title = "Sign in · Tollgate";
    input.current.focus();
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    const tried = key.trim();
    const caller = await trying.run(() => get("token", {}, { key: tried }));
    if (caller) signIn(tried, caller);
    else input.current?.focus();
  };
  const problem = trying.problem ?? reason;
  return html`<main class="signin" id="main">
    <h1><img src="console/icon.svg" alt="" width="36" height="36" /> Tollgate</h1>
    <p>Jobs, events, usage and quotas.</p>
    ${problem && html`<div id="signin-problem"><${ProblemNote} problem=${problem} /></div>`}
    <form onSubmit=${submit}>
      <label class="field" for="key"><span>API key or token</span>
        <input id="key" ref=${input} type="password" required autocomplete="off" spellcheck="false"
          placeholder="tg_…" value=${key}
          aria-describedby=${`key-help${problem ? " signin-problem" : ""}`}
            aria-invalid=${problem ? "true" : null}
          onInput=${(event) => setKey(event.target.value)} /></label>
      <p id="key-help" class="small">It stays in this tab until you sign out or close it, and goes
        to this API only. The operator creates keys;${" "}
        <code>make run</code> prints two.</p>
      <button class="button main" disabled=${trying.isBusy}>
        ${trying.isBusy ? "Signing in…" : "Sign in"}</button>
    </form>
    <p class="small"><a href="docs">API reference</a></p>
  </main>`;
}
