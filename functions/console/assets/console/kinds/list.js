import { html } from "../view.js";
import { href } from "../router.js";
import { may } from "../session.js";
import { Define } from "../definitions/control.js";
import { Page } from "../parts/page.js";
import { Loaded, Pager, usePages } from "../parts/pages.js";
import { Status } from "../parts/status.js";
import { Empty, Table } from "../parts/table.js";

const COLUMNS = [
  { title: "Kind", cell: ({ name }) => html`<a href=${href(["kinds", name])}>${name}</a>` },
  {
    title: "State",
    cell: ({ disabled }) => html`<${Status} is=${disabled ? "disabled" : "enabled"} />`,
  },
  {
    title: "Target",
    cell: ({ target }) =>
      html`<span class="clip" title=${target.url}>${target.url ?? target.type}</span>`,
  },
  { title: "Order", cell: ({ discipline }) => discipline },
  {
    title: "For",
    class: "wide",
    cell: ({ description }) =>
      html`<span class="clip" title=${description}>${description || "–"}</span>`,
  },
  {
    title: "",
    class: "number",
    cell: ({ name, disabled }) =>
      may("jobs:write") &&
      !disabled &&
      html`<a href=${href(["submit", name])}>Submit<span class="unseen"> a ${name} job</span></a>`,
  },
];

export function KindList() {
  const pages = usePages("kinds", {}, { limit: 50 });
  return html`<${Page} title="Kinds" actions=${html`<${Define} sort="kinds" />`}>
    <${Loaded} of=${pages} empty=${html`<${Empty} title="No kinds yet"><p>A kind says what a job's
      payload is like, where jobs go, and how often they are tried.
      Nothing can be submitted before there is one.</p><//>`}>
      ${({ items }) => html`<${Table} caption="Kinds" columns=${COLUMNS} rows=${items}
        id=${({ name }) => name} isBusy=${pages.isStale} /><${Pager} pages=${pages} />`}
    <//><//>`;
}
