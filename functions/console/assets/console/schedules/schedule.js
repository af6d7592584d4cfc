import { html } from "../view.js";
import { get, segment } from "../api.js";
import { href } from "../router.js";
import { useResource } from "../resource.js";
import { Control } from "../definitions/control.js";
import { Id } from "../parts/copy.js";
import { Json } from "../parts/json.js";
import { Page } from "../parts/page.js";
import { Loaded } from "../parts/pages.js";
import { Status } from "../parts/status.js";
import { Facts } from "../parts/table.js";
import { Time } from "../parts/time.js";

export function ScheduleView({ parts: [, name] }) {
  const schedule = useResource(
    (signal) => get(`schedules/${segment(name)}`, {}, { signal }),
    [name],
  );
  return html`<${Page} title=${name} back=${{ href: href("schedules"), title: "Schedules" }}
      actions=${
        schedule.data &&
        html`<${Control} sort="schedules" name=${name}>
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
