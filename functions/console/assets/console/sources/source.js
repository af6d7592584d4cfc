import { html } from "../view.js";
import { get, segment } from "../api.js";
import { href } from "../router.js";
import { useResource } from "../resource.js";
import { DefinitionActions } from "../definitions/actions.js";
import { editable, RESOURCES } from "../definitions/resources.js";
import { Json } from "../components/json.js";
import { Page } from "../components/page.js";
import { Loaded } from "../components/pages.js";
import { Status } from "../components/status.js";
import { Facts } from "../components/table.js";
import { Ago, Time } from "../components/time.js";
import { integer } from "../format.js";
import { healthOf } from "./health.js";

export function SourceView({ parts: [, name] }) {
  const source = useResource((signal) => get(`sources/${segment(name)}`, {}, { signal }), [name], {
    every: 10_000,
  });
  return html`<${Page} title=${name} back=${{ href: href("sources"), title: "Sources" }}
      actions=${
        source.data &&
        html`<${DefinitionActions} resource="sources" name=${name}><p>Deletes its usage data:
          its series disappear from the charts.
        Usage already counted by quotas remains.</p><//>`
      }>
    <${Loaded} of=${source}>${(
      source,
    ) => html`<section class="card" aria-live="polite"><h2>Health</h2><${Facts} of=${[
      ["Health", html`<${Status} is=${healthOf(source)} />`],
      ["Series", integer(source.series)],
      ["Last success", html`<${Ago} at=${source.last_success_at} />`],
      [
        "Last error",
        source.last_error
          ? html`${source.last_error} <span class="quiet">(<${Time} at=${source.last_error_at} />
            )</span>`
          : "none",
      ],
      source.last_warning && ["Warning", source.last_warning],
      ["Defined", html`<${Time} at=${source.created_at} />`],
      ["Changed", html`<${Time} at=${source.updated_at} />`],
    ]} /></section>
    <section class="card"><h2>Definition</h2><${Json} value=${editable(RESOURCES.sources, source)}
      name="definition" /></section>`}<//><//>`;
}
