import { html } from "../view.js";
import { href } from "../router.js";
import { isAdmin } from "../session.js";
import { DefineLink } from "../definitions/actions.js";
import { nameOf, useAccounts } from "../components/account.js";
import { Page } from "../components/page.js";
import { Loaded, Pager, usePages } from "../components/pages.js";
import { Status } from "../components/status.js";
import { Empty, Table } from "../components/table.js";
import { bytes } from "../format.js";
import { Bar } from "./bar.js";
import { describeSeries } from "./series-description.js";

export function QuotaList() {
  const pages = usePages("quotas", {}, { every: 15_000, limit: 50 });
  const accounts = useAccounts().data;
  return html`<${Page} title="Quotas" actions=${html`<${DefineLink} resource="quotas" />`}>
    <${Loaded} of=${pages} empty=${html`<${Empty} title="No quotas yet"><p>A quota limits the bytes
      per month, day or hour. Recipients get a mail at each threshold. Requests over the limit can
      be rejected. ${isAdmin() ? "" : "Operators define quotas."}</p><//>`}>
      ${({ items }) => html`<${Table} caption="Quotas" columns=${columns(accounts)} rows=${items}
        id=${({ name }) => name} isBusy=${pages.isStale} /><${Pager} pages=${pages} />`}
    <//><//>`;
}

const columns = (accounts) =>
  [
    { title: "Quota", cell: ({ name }) => html`<a href=${href(["quotas", name])}>${name}</a>` },
    { title: "Used", class: "wide", cell: (quota) => html`<${Bar} quota=${quota} />` },
    { title: "Projected", class: "number", cell: ({ projected }) => bytes(projected) },
    { title: "Period", cell: ({ period }) => period },
    { title: "Counts", cell: (quota) => describeSeries(quota) },
    isAdmin() && {
      title: "Account",
      cell: ({ account }) => (account ? nameOf(accounts, account) : "all accounts"),
    },
    {
      title: "Alerts",
      cell: ({ alerts, blocked }) =>
        blocked
          ? html`<${Status} is="blocked" />`
          : alerts.length
            ? html`<${Status} is="warning">
              ${Math.max(...alerts.map(({ threshold }) => threshold))} % reached<//>`
            : html`<span class="quiet">none</span>`,
    },
  ].filter(Boolean);
