import { html } from "../view.js";
import { get, segment } from "../api.js";
import { href } from "../router.js";
import { useResource } from "../resource.js";
import { DefinitionActions } from "../definitions/actions.js";
import { Id } from "../components/copy.js";
import { Json } from "../components/json.js";
import { Page } from "../components/page.js";
import { Loaded } from "../components/pages.js";
import { Status } from "../components/status.js";
import { Facts } from "../components/table.js";
import { Time } from "../components/time.js";

export function ScheduleView({ parts: [, name] }) {
  const schedule = useResource(
    (signal) => get(`schedules/${segment(name)}`, {}, { signal }),
    [name],
  );
  return html`<${Page} title=${name} back=${{ href: href("schedules"), title: "Schedules" }}
      actions=${
        schedule.data &&
        html`<${DefinitionActions} resource="schedules" name=${name}>
        <p>It submits no more jobs. Existing jobs continue.</p><//>`
      }>
    <${Loaded} of=${schedule}>${(
      schedule,
    ) => html`<section class="card"><h2>When</h2><${Facts} of=${[
      ["State", html`<${Status} is=${schedule.enabled ? "enabled" : "disabled"} />`],
      ["Expression", html`<code>${schedule.expression}</code>`],
      ["Zone", schedule.timezone],
      ["Account", html`<${Id} id=${schedule.account} name="account's id" />`],
      ["Defined", html`<${Time} at=${schedule.created_at} />`],
      ["Changed", html`<${Time} at=${schedule.updated_at} />`],
    ]} /></section>
    <section class="card"><h2>Job</h2><${Json} value=${schedule.job}
      name="job" /></section>`}<//><//>`;
}
