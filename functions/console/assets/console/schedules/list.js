import { html } from "../view.js";
import { href } from "../router.js";
import { isAdmin } from "../session.js";
import { Define } from "../definitions/control.js";
import { nameOf, useAccounts } from "../parts/account.js";
import { Page } from "../parts/page.js";
import { Loaded, Pager, usePages } from "../parts/pages.js";
import { Status } from "../parts/status.js";
import { Empty, Table } from "../parts/table.js";

export function ScheduleList() {
  const pages = usePages("schedules", {}, { limit: 50 });
  const accounts = useAccounts().data;
  return html`<${Page} title="Schedules" actions=${html`<${Define} sort="schedules" />`}>
    <${Loaded} of=${pages} empty=${html`<${Empty} title="No schedules yet">
      <p>A schedule makes a job each time that its expression says, such as every working day at
      six.${" "}
      ${isAdmin() ? "" : "An operator defines them."}</p><//>`}>
      ${({ items }) => html`<${Table} caption="Schedules" columns=${columns(accounts)} rows=${items}
        id=${({ name }) => name} isBusy=${pages.isStale} /><${Pager} pages=${pages} />`}
    <//><//>`;
}

const columns = (accounts) =>
  [
    {
      title: "Schedule",
      cell: ({ name }) => html`<a href=${href(["schedules", name])}>${name}</a>`,
    },
    {
      title: "State",
      cell: ({ enabled }) => html`<${Status} is=${enabled ? "enabled" : "disabled"} />`,
    },
    { title: "When", cell: ({ expression }) => html`<code>${expression}</code>` },
    { title: "Zone", cell: ({ timezone }) => timezone },
    {
      title: "Kind",
      cell: ({ job }) => html`<a href=${href(["kinds", job.kind])}>${job.kind}</a>`,
    },
    isAdmin() && { title: "Account", cell: ({ account }) => nameOf(accounts, account) },
  ].filter(Boolean);
