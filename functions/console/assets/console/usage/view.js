import { html, useEffect, useMemo, useState } from "../view.js";
import { setQuery, href } from "../router.js";
import { useResource } from "../resource.js";
import { all } from "../api.js";
import { isAdmin } from "../session.js";
import { AccountSelect, nameOf, useAccounts } from "../components/account.js";
import { Page } from "../components/page.js";
import { Loaded } from "../components/pages.js";
import { Empty, Table } from "../components/table.js";
import { bytes, integer, local, percent, zone } from "../format.js";
import { Chart } from "./chart.js";
import { points } from "./load.js";
import { QuotaChart } from "../quotas/chart.js";
import { largest, columns, total } from "./series.js";

const RANGES = [
  ["1h", "Hour"],
  ["6h", "6 hours"],
  ["24h", "Day"],
  ["7d", "Week"],
  ["31d", "Month"],
];
const STEPS = { "1m": "a minute", "5m": "five minutes", "1h": "an hour", "1d": "a day" };
const LINES = 8;

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
    <form class="filters" aria-label="Filter" onSubmit=${(event) => event.preventDefault()}>
      <div role="group" aria-label="Range" class="segments">${RANGES.map(
        ([value, title]) => html`<button type="button" class="button"
          aria-pressed=${String(!from && range === value)}
        onClick=${() => setQuery({ range: value, from: "", to: "" })}>${title}</button>`,
      )}</div>
      <label class="field" for="direction"><span>Direction</span><select id="direction"
        value=${type} onChange=${(event) => setQuery({ type: event.target.value, quota: "" })}>
        <option value="egress">egress</option><option value="ingress">
          ingress</option></select></label>
      <${Label} name="service" value=${service} /><${Label} name="route" value=${route} />
      <${AccountSelect} value=${account} allLabel="All accounts" accounts=${accounts}
        onChange=${(account) => setQuery({ account })} />
      <label class="field" for="quota"><span>Against quota</span>
        <select id="quota" value=${chosen?.name ?? ""}
        onChange=${(event) => setQuery({ quota: event.target.value })}>
        <option value="">none</option>${matching.map(
          ({ name }) => html`<option value=${name}>
          ${name}</option>`,
        )}</select></label>
    </form>
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
      <p><a href=${href("sources")}>Sources</a> and <code>POST /v1/usage</code> report usage. Choose a
      longer range or a wider filter.</p><//>`}>
      ${(data) => html`<${Charted} data=${data} isBusy=${usage.isStale} onZoom=${zoom}
        accounts=${account ? null : accounts} />`}
    <//>
  <//>`;
}

// Applied on `change`, when the input is complete.
const Label = ({
  name,
  value,
}) => html`<label class="field" for=${name}><span>${name === "service" ? "Service" : "Route"}</span>
  <input id=${name} type="search" size="12" placeholder="all" autocomplete="off"
    value=${value ?? ""} onChange=${(event) => setQuery({ [name]: event.target.value })} /></label>`;

function Charted({ data, isBusy, onZoom, accounts }) {
  const [hidden, setHidden] = useState(null);
  const { times, series, lines } = useMemo(() => {
    const { times, series } = columns(data.items, (point) => seriesName(point, accounts));
    const lines = largest(series, LINES).map((one, index) => ({
      ...one,
      colour: `--series-${index + 1}`,
      fill: series.length === 1,
    }));
    return { times, series, lines };
  }, [data, accounts]);
  const sum = total(series.map((one) => one.total));
  useEffect(() => setHidden(null), [data]);
  const drawn = useMemo(
    () => (hidden ? lines.filter(({ name }) => name === hidden) : lines),
    [lines, hidden],
  );
  const gaps = times.filter((_, index) =>
    series.every(({ values }) => values[index] === null),
  ).length;

  return html`<section class=${`card ${isBusy ? "stale" : ""}`} aria-busy=${isBusy ? "true" : null}>
      <div class="switch"><h2>${bytes(sum)} total</h2><p class="quiet small">Bytes in each window
        of ${STEPS[data.step]}, at its end. Times: ${zone()}. Drag to zoom.</p></div>
      <${Chart} times=${times} lines=${drawn} onZoom=${onZoom}
        label=${`Bytes by series, ${bytes(sum)} total; the table below has the sums`} />
      ${
        gaps > 0 &&
        html`<p class="small quiet">
        No data in ${integer(gaps)} of ${integer(times.length)} windows.</p>`
      }
      ${
        data.isTruncated &&
        html`<p class="note warn">Not all series are shown. Filter by service, route or account.</p>`
      }
    </section>
    <section class="card"><h2>By series</h2><${Table} caption="Sums by series"
      rows=${[...series].sort((a, b) => b.total - a.total)} id=${({ name }) => name} columns=${[
        {
          title: "Series",
          cell: ({
            name,
          }) => html`<button type="button" class="link" aria-pressed=${String(hidden === name)}
          disabled=${!lines.some((line) => line.name === name)}
        onClick=${() => setHidden(hidden === name ? null : name)}>
          <${Mark} line=${lines.find((line) => line.name === name)} />${name}</button>`,
        },
        {
          title: "Bytes",
          class: "number",
          cell: ({ total }) =>
            html`<span title=${`${integer(total)} bytes`}>${bytes(total)}</span>`,
        },
        {
          title: "Share",
          class: "number",
          cell: ({ total }) => percent(sum ? (100 * total) / sum : 0),
        },
        {
          title: "Maximum per window",
          class: "number",
          cell: ({ values }) => bytes(Math.max(0, ...values.map((value) => value ?? 0))),
        },
      ]} /></section>`;
}

const Mark = ({ line }) =>
  line && html`<span class=${`mark ${line.colour.slice(2)}`} aria-hidden="true"></span>`;

function seriesName({ account, service, route }, accounts) {
  const own = `${service}${route ? ` · ${route}` : ""}`;
  return isAdmin() && accounts?.length && account ? `${own} (${nameOf(accounts, account)})` : own;
}

// Whether a quota counts the selected usage; it may count more.
const covers = (quota, { service, route, account }) =>
  (!service || !quota.service || quota.service === service) &&
  (!route || !quota.route || quota.route === route) &&
  (!account || !quota.account || quota.account === account);
