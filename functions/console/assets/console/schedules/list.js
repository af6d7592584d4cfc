import { html } from "../view.js";
import { href } from "../router.js";
import { isAdmin } from "../session.js";
import { DefineLink } from "../definitions/actions.js";
import { nameOf, useAccounts } from "../components/account.js";
import { Page } from "../components/page.js";
import { Loaded, Pager, usePages } from "../components/pages.js";
import { Status } from "../components/status.js";
import { Empty, Table } from "../components/table.js";

export function ScheduleList() {
  const pages = usePages("schedules", {}, { limit: 50 });
  const accounts = useAccounts().data;
  return html`<${Page} title="Schedules" actions=${html`<${DefineLink} resource="schedules" />`}>
    <${Loaded} of=${pages} empty=${html`<${Empty} title="No schedules yet">
      <p>A schedule submits jobs at the times of an expression, such as every working day at
      six.${" "}
      ${isAdmin() ? "" : "Operators define schedules."}</p><//>`}>
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
