import { html, useEffect, useRef, useState } from "../view.js";
import { announce } from "../announce.js";
import { get, request, segment } from "../api.js";
import { navigate, href } from "../router.js";
import { useAction, useResource } from "../resource.js";
import { ownAccount } from "../session.js";
import { Page } from "../components/page.js";
import { ProblemNote } from "../components/problem.js";
import { Loaded } from "../components/pages.js";
import { parsedJson } from "../schema/fields.js";
import { lineOf } from "./lines.js";
import { editable, hasMasked, RESOURCES } from "./resources.js";

// `#/define/kinds` creates a kind, `#/define/kinds/echo` edits one, as the API's JSON.
export function DefinitionForm({ parts: [, resource, name] }) {
  const what = RESOURCES[resource];
  if (!what) return html`<h1 tabindex="-1">Page not found</h1>`;
  const title = name ? `Change ${what.one} ${name}` : `Define a ${what.one}`;
  const back = name
    ? { href: href([resource, name]), title: name }
    : { href: href(resource), title: `All ${resource}` };
  return html`<${Page} title=${title} back=${back}><p>${what.help}</p>${
    name
      ? html`<${Existing} resource=${resource} name=${name} />`
      : html`<${Editor} resource=${resource}
        body=${what.draft.account ? { ...what.draft, account: ownAccount() } : what.draft} />`
  }<//>`;
}

function Existing({ resource, name }) {
  const current = useResource((signal) => get(`${resource}/${segment(name)}`, {}, { signal }), []);
  return html`<${Loaded} of=${current}>${(body) => html`<${Editor} resource=${resource} name=${name}
    body=${editable(RESOURCES[resource], body)} />`}<//>`;
}

function Editor({ resource, name: given, body }) {
  const [name, setName] = useState(given ?? "");
  const [text, setText] = useState(() => JSON.stringify(body, null, 2));
  const [fault, setFault] = useState(null);
  const saving = useAction();
  const area = useRef();
  const errors = saving.problem?.errors ?? [];
  useEffect(() => {
    if (fault) area.current.focus();
  }, [fault]);

  const save = async (event) => {
    event.preventDefault();
    const { fault } = parsedJson(text);
    setFault(fault);
    if (fault) return;
    const saved = await saving.run(() => request("PUT", `${resource}/${segment(name)}`, { text }));
    if (!saved) return;
    announce(`${name} is ${saved.status === 201 ? "defined" : "changed"}`);
    navigate([resource, name]);
  };

  return html`<form class="card" onSubmit=${save}>
    ${
      saving.problem &&
      html`<${ProblemNote} problem=${saving.problem} errors=${false} focus>
      <ul class="errors">${errors.map(
        ({ pointer, detail }) => html`<li><button type="button" class="link"
          onClick=${() => selectLine(area.current, text, pointer)}>
        <code>${pointer || "/"}</code></button> ${detail}</li>`,
      )}</ul><//>`
    }
    ${
      !given &&
      html`<label class="field" for="name"><span>Name</span><input id="name" required maxlength="64"
        autocomplete="off" spellcheck=${false}
      value=${name} onInput=${(event) => setName(event.target.value)} /></label>`
    }
    ${
      hasMasked(body) &&
      html`<p class="note warn">Values that are shown as <code>***</code> are
      secret. Enter them again before you save.</p>`
    }
    <div class="field"><label for="definition">Definition</label>
      <textarea id="definition" ref=${area} class="code" rows="24" spellcheck=${false} value=${text}
        aria-describedby="definition-help"
        aria-invalid=${fault || errors.length ? "true" : undefined} onInput=${(event) => {
          setText(event.target.value);
          setFault(null);
        }}></textarea>
      <div id="definition-help" class="help">${fault && html`<span class="wrong">${fault}</span>`}
        </div></div>
    <div class="actions"><button class="button main" disabled=${saving.isBusy}>
      ${saving.isBusy ? "Saving…" : "Save"}</button>
      <a class="button" href=${given ? href([resource, given]) : href(resource)}>Cancel</a></div>
  </form>`;
}

function selectLine(area, text, pointer) {
  const [from, to] = lineOf(text, pointer);
  area.focus();
  area.setSelectionRange(from, to);
  area.scrollTop =
    Math.max(0, text.slice(0, from).split("\n").length - 4) *
    parseFloat(getComputedStyle(area).lineHeight);
}
