import { html } from "../view.js";
import { href } from "../router.js";
import { hasScope } from "../session.js";
import { DefineLink } from "../definitions/actions.js";
import { Page } from "../components/page.js";
import { Loaded, Pager, usePages } from "../components/pages.js";
import { Status } from "../components/status.js";
import { Empty, Table } from "../components/table.js";

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
  { title: "Discipline", cell: ({ discipline }) => discipline },
  {
    title: "Description",
    class: "wide",
    cell: ({ description }) =>
      html`<span class="clip" title=${description}>${description || "–"}</span>`,
  },
  {
    title: "",
    class: "number",
    cell: ({ name, disabled }) =>
      hasScope("jobs:write") &&
      !disabled &&
      html`<a href=${href(["submit", name])}>Submit<span class="unseen"> a ${name} job</span></a>`,
  },
];

export function KindList() {
  const pages = usePages("kinds", {}, { limit: 50 });
  return html`<${Page} title="Kinds" actions=${html`<${DefineLink} resource="kinds" />`}>
    <${Loaded} of=${pages} empty=${html`<${Empty} title="No kinds yet"><p>A kind defines the
      payload, target and retries of jobs. Each job has a kind.</p><//>`}>
      ${({ items }) => html`<${Table} caption="Kinds" columns=${COLUMNS} rows=${items}
        id=${({ name }) => name} isBusy=${pages.isStale} /><${Pager} pages=${pages} />`}
    <//><//>`;
}
