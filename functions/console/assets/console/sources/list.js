import { html } from "../view.js";
import { href } from "../router.js";
import { isAdmin } from "../session.js";
import { DefineLink } from "../definitions/actions.js";
import { Page } from "../components/page.js";
import { Loaded, Pager, usePages } from "../components/pages.js";
import { Status } from "../components/status.js";
import { Empty, Table } from "../components/table.js";
import { Ago } from "../components/time.js";
import { integer } from "../format.js";
import { healthOf } from "./health.js";

const COLUMNS = [
  { title: "Source", cell: ({ name }) => html`<a href=${href(["sources", name])}>${name}</a>` },
  { title: "Health", cell: (source) => html`<${Status} is=${healthOf(source)} />` },
  { title: "Type", cell: ({ type }) => type },
  { title: "Series", class: "number", cell: ({ series }) => integer(series) },
  { title: "Last success", cell: ({ last_success_at }) => html`<${Ago} at=${last_success_at} />` },
  {
    title: "Error or warning",
    class: "wide",
    cell: ({ last_error, last_warning }) =>
      html`<span class="clip" title=${last_error ?? last_warning}>
        ${last_error ?? last_warning ?? "–"}</span>`,
  },
];

export function SourceList() {
  const pages = usePages("sources", {}, { every: 15_000, limit: 50 });
  return html`<${Page} title="Sources" actions=${html`<${DefineLink} resource="sources" />`}>
    <${Loaded} of=${pages} empty=${html`<${Empty} title="No sources yet"><p>Usage is collected
      from sources every minute: a gateway's metrics page, or CloudWatch. Applications report usage
      with <code>POST /v1/usage</code> instead.${" "}
      ${isAdmin() ? "" : "Operators define sources."}</p><//>`}>
      ${({ items }) => html`<${Table} caption="Sources" columns=${COLUMNS} rows=${items}
        id=${({ name }) => name} isBusy=${pages.isStale} /><${Pager} pages=${pages} />`}
    <//><//>`;
}
