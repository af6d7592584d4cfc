import { html } from "../view.js";
import { get, segment } from "../api.js";
import { href } from "../router.js";
import { useResource } from "../resource.js";
import { isAdmin } from "../session.js";
import { DefinitionActions } from "../definitions/actions.js";
import { nameOf, useAccounts } from "../components/account.js";
import { Page } from "../components/page.js";
import { Loaded } from "../components/pages.js";
import { Facts } from "../components/table.js";
import { Time } from "../components/time.js";
import { bytes, percent } from "../format.js";
import { Alerts } from "./alerts.js";
import { Bar } from "./bar.js";
import { QuotaChart } from "./chart.js";
import { describeSeries } from "./series-description.js";

export function QuotaView({ parts: [, name] }) {
  const quota = useResource((signal) => get(`quotas/${segment(name)}`, {}, { signal }), [name], {
    every: 10_000,
  });
  return html`<${Page} title=${name} back=${{ href: href("quotas"), title: "Quotas" }}
      actions=${
        quota.data &&
        html`<a class="button" href=${href("usage", usageOf(quota.data))}>Its usage</a>
        <${DefinitionActions} resource="quotas" name=${name}><p>Blocked requests are allowed
          again, and no further mails are sent.</p><//>`
      }>
    <${Loaded} of=${quota}>${(quota) => html`<${Body} quota=${quota} />`}<//><//>`;
}

const usageOf = ({ name, type, service, route, account }) => ({
  type,
  service,
  route,
  account,
  quota: name,
  range: "24h",
});

function Body({ quota }) {
  const accounts = useAccounts().data;
  return html`${
    quota.blocked &&
    html`<p class="note bad"><strong>Quota exhausted.</strong> Jobs and events
    of its account are rejected until <${Time} at=${quota.period_end} />.</p>`
  }
    <section class="card"><h2>This ${quota.period}</h2><${Bar} quota=${quota} />
      <${QuotaChart} quota=${quota} /></section>
    <section class="card"><h2>Quota</h2><${Facts} of=${[
      ["Counts", describeSeries(quota)],
      [
        "Account",
        quota.account
          ? isAdmin()
            ? html`<a href=${href(["accounts", quota.account])}>
              ${nameOf(accounts, quota.account)}</a>`
            : "yours"
          : "all accounts",
      ],
      ["Limit", `${bytes(quota.limit_bytes)} a ${quota.period}`],
      ["Used", `${bytes(quota.used)} (${percent(quota.percent)})`],
      [
        "Projected",
        quota.projected === null
          ? "not yet"
          : `${bytes(quota.projected)} (${percent((100 * quota.projected) / quota.limit_bytes)})`,
      ],
      [
        "Period",
        html`<${Time} at=${quota.period_start} /> to <${Time} at=${quota.period_end} /> <span
          class="quiet">(${quota.timezone})</span>`,
      ],
      ["Thresholds", quota.thresholds.map((one) => `${one} %`).join(", ")],
      ["At 100 %", quota.enforce ? "requests are rejected" : "not enforced"],
      quota.recipients && ["Mails go to", quota.recipients.join(", ")],
    ]} /></section>
    <section class="card"><h2>Alerts of this ${quota.period}</h2>
      <${Alerts} alerts=${quota.alerts} /></section>
    ${quota.past.map(
      (past) => html`<section class="card"><h2>Pending mails of the period until <${Time}
        at=${past.period_end} /></h2>
      <p>${bytes(past.used)} of ${bytes(past.limit_bytes)}, ${percent(past.percent)}</p>
        <${Alerts} alerts=${past.alerts} /></section>`,
    )}`;
}
