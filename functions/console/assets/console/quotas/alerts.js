import { html } from "../view.js";
import { isAdmin } from "../session.js";
import { Status } from "../components/status.js";
import { Table } from "../components/table.js";
import { Time } from "../components/time.js";

const COLUMNS = [
  { title: "Threshold", cell: ({ threshold }) => html`<strong>${threshold} %</strong>` },
  { title: "Reached", cell: ({ crossed_at }) => html`<${Time} at=${crossed_at} />` },
  { title: "Mails", class: "wide", cell: (alert) => html`<${Mails} alert=${alert} />` },
];

export const Alerts = ({ alerts }) =>
  alerts.length
    ? html`<${Table} caption="Alerts" columns=${COLUMNS} rows=${alerts}
      id=${({ threshold }) => threshold} />`
    : html`<p class="quiet">No threshold reached.</p>`;

function Mails({ alert: { passed_over, mails, mailed_at } }) {
  if (passed_over) return html`<span class="quiet">none: superseded by a higher threshold</span>`;
  if (!isAdmin() || !mails)
    return mailed_at
      ? html`sent <${Time} at=${mailed_at} />`
      : html`<span class="quiet">sending</span>`;
  return html`<ul class="plain">${mails.map(
    ({ to, sent_at, error, next_try_at, tries }) =>
      html`<li>${
        sent_at
          ? html`<${Status} is="sent">sent<//> to ${to} <${Time} at=${sent_at} />`
          : html`<${Status} is=${error ? "failing" : "waiting"}>
            ${error ? "failing" : "waiting"}<//> to ${to}${error && html`: ${error}`}
      ${
        next_try_at &&
        html` <span class="quiet">(${tries} attempts, next <${Time}
        at=${next_try_at} />)</span>`
      }`
      }</li>`,
  )}</ul>`;
}
