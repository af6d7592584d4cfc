import { html } from "../view.js";
import { setQuery, href } from "../router.js";
import { useResource } from "../resource.js";
import { all } from "../api.js";
import { useAccounts } from "../components/account.js";
import { Page } from "../components/page.js";
import { Loaded } from "../components/pages.js";
import { Empty } from "../components/table.js";
import { local } from "../format.js";
import { QuotaChart } from "../quotas/chart.js";
import { UsageFilters } from "./filters.js";
import { points } from "./load.js";
import { SeriesChart } from "./series-chart.js";

export function UsageView({ query }) {
  const { type = "egress", service, route, account, range = "6h", from, to, quota } = query;
  const accounts = useAccounts().data;
  const asked = {
    type,
    service,
    route,
    account,
    ...(from ? { from, to } : { lookback_duration: range }),
  };
  const usage = useResource((signal) => points(asked, signal), [JSON.stringify(asked)], {
    every: from ? null : 15_000,
  });
  const quotas = useResource(async (signal) => (await all("quotas", {}, { signal })).items, [], {
    every: 30_000,
  });
  const matching = (quotas.data ?? []).filter(
    (one) => one.type === type && covers(one, { service, route, account }),
  );
  const chosen = matching.find(({ name }) => name === quota);
  const zoom = (from, to) =>
    setQuery({ from: new Date(from * 1000).toISOString(), to: new Date(to * 1000).toISOString() });

  return html`<${Page} title="Usage">
    <${UsageFilters} query=${query} quotas=${matching} chosen=${chosen} accounts=${accounts} />
    ${
      from &&
      html`<p class="zoomed">From ${local(from)} to ${local(to)} <button type="button"
      class="button" onClick=${() => setQuery({ from: "", to: "" })}>Whole range</button></p>`
    }
    ${
      chosen &&
      html`<section class="card"><div class="switch"><h2>${chosen.name}: used this ${chosen.period}
        </h2><a href=${href(["quotas", chosen.name])}>View quota</a></div>
      <${QuotaChart} quota=${chosen} /></section>`
    }
    <${Loaded} of=${usage} empty=${html`<${Empty} title="No usage">
      <p><a href=${href("sources")}>Sources</a> and <code>POST /v1/usage</code> report usage. Choose
      a longer range or a wider filter.</p><//>`}>
      ${(data) => html`<${SeriesChart} data=${data} isBusy=${usage.isStale} onZoom=${zoom}
        accounts=${account ? null : accounts} />`}
    <//>
  <//>`;
}

// Whether a quota counts the selected usage; it may count more.
const covers = (quota, { service, route, account }) =>
  (!service || !quota.service || quota.service === service) &&
  (!route || !quota.route || quota.route === route) &&
  (!account || !quota.account || quota.account === account);
