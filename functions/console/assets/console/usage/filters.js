import { html } from "../view.js";
import { setQuery } from "../router.js";
import { AccountSelect } from "../components/account.js";

const RANGES = [
  ["1h", "Hour"],
  ["6h", "6 hours"],
  ["24h", "Day"],
  ["7d", "Week"],
  ["31d", "Month"],
];

// `quotas` count the selected usage; `chosen` is the one in the chart.
export function UsageFilters({ query, quotas, chosen, accounts }) {
  const { type = "egress", service, route, account, range = "6h", from } = query;
  return html`<form class="filters" aria-label="Filter"
      onSubmit=${(event) => event.preventDefault()}>
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
      <option value="">none</option>${quotas.map(
        ({ name }) => html`<option value=${name}>
        ${name}</option>`,
      )}</select></label>
  </form>`;
}

// Applied on `change`, when the input is complete.
const Label = ({
  name,
  value,
}) => html`<label class="field" for=${name}><span>${name === "service" ? "Service" : "Route"}</span>
  <input id=${name} type="search" size="12" placeholder="all" autocomplete="off"
    value=${value ?? ""}
    onChange=${(event) => setQuery({ [name]: event.target.value })} /></label>`;
