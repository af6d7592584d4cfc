import { html } from "../view.js";
import { get, segment } from "../api.js";
import { href } from "../router.js";
import { useResource } from "../resource.js";
import { hasScope } from "../session.js";
import { DefinitionActions } from "../definitions/actions.js";
import { Json } from "../components/json.js";
import { Page } from "../components/page.js";
import { Loaded } from "../components/pages.js";
import { Status } from "../components/status.js";
import { Facts } from "../components/table.js";
import { Time } from "../components/time.js";
import { seconds } from "../format.js";

const DISCIPLINES = {
  standard: "roughly oldest first, fair between accounts",
  lifo: "newest first (LIFO)",
  priority: "highest priority first",
};

export function KindView({ parts: [, name] }) {
  const kind = useResource((signal) => get(`kinds/${segment(name)}`, {}, { signal }), [name]);
  const actions =
    kind.data &&
    html`${
      hasScope("jobs:write") &&
      !kind.data.disabled &&
      html`<a class="button main"
      href=${href(["submit", name])}>Submit a job</a>`
    }
    ${
      hasScope("jobs:read") &&
      html`<a class="button" href=${href("jobs", { kind: name })}>Its jobs</a>`
    }
    <${DefinitionActions} resource="kinds" name=${name}><p>Jobs of this kind can't be
      submitted any more. Deleting fails while some are queued or running.</p><//>`;
  return html`<${Page} title=${name} back=${{ href: href("kinds"), title: "Kinds" }}
    actions=${actions}>
    <${Loaded} of=${kind}>${(kind) => html`<${Body} kind=${kind} />`}<//><//>`;
}

function Body({ kind }) {
  const { retry, target } = kind;
  return html`${kind.description && html`<p>${kind.description}</p>`}
    ${
      kind.disabled &&
      html`<p class="note warn">Disabled, because its target responded
      410 Gone. Save the kind to enable it.</p>`
    }
    <section class="card"><h2>Target and order</h2><${Facts} of=${[
      ["State", html`<${Status} is=${kind.disabled ? "disabled" : "enabled"} />`],
      [
        "Target",
        html`${target.type}${target.url && html` <code class="break">${target.url}</code>`}`,
      ],
      ...Object.keys(target.headers ?? {}).map((header) => [
        `Header ${header}`,
        html`<span title="Secret">•••</span>`,
      ]),
      ["Timeout", kind.timeout_seconds ? seconds(kind.timeout_seconds) : "the stack's"],
      ["Attempts", `at most ${retry.max_attempts}`],
      [
        "Backoff",
        `from ${seconds(retry.initial_seconds)}, factor ${retry.factor}, ` +
          `up to ${seconds(retry.max_seconds)}`,
      ],
      [
        "Discipline",
        html`${kind.discipline} <span class="quiet">(${DISCIPLINES[kind.discipline]})</span>`,
      ],
      ["Events", kind.events ? "one for each ended job" : "none"],
      ["Retention", `${seconds(kind.retention_seconds)} after the end of a job`],
      ["Defined", html`<${Time} at=${kind.created_at} />`],
      ["Changed", html`<${Time} at=${kind.updated_at} />`],
    ]} /></section>
    <section class="card"><h2>Payload schema</h2><${Json} value=${kind.schema}
      name="schema" /></section>`;
}
