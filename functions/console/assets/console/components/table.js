import { html } from "../view.js";

// `columns` are {title, cell, class}. On a phone each row becomes a card with the columns' titles.
// The roles are explicit because some browsers drop them from a table with another `display`.
export const Table = ({ caption, columns, rows, id = (row) => row.id, isBusy = false }) => html`
  <div class=${`table ${isBusy ? "stale" : ""}`}><table role="table"
    aria-busy=${isBusy ? "true" : null}>
    <caption class="unseen">${caption}</caption>
    <thead role="rowgroup"><tr role="row">${columns.map(
      ({ title, class: name }) => html`
      <th role="columnheader" scope="col" class=${name}>${title}</th>`,
    )}</tr></thead>
    <tbody role="rowgroup">${rows.map(
      (row) => html`<tr role="row" key=${id(row)}>
      ${columns.map(
        ({ title, cell, class: name }) => html`<td role="cell" class=${name}
        data-label=${title}>${cell(row)}</td>`,
      )}
    </tr>`,
    )}</tbody>
  </table></div>`;

export const Facts = ({ of }) =>
  html`<dl class="facts">${of.filter(Boolean).map(
    ([name, value]) => html`<div><dt>${name}</dt><dd>
    ${value}</dd></div>`,
  )}</dl>`;

export const Empty = ({ title, children }) =>
  html`<div class="empty"><p><strong>${title}</strong></p>${children}</div>`;

// Appears with a delay, so that short loads don't flicker.
export const Loading = () => html`<p class="loading" role="status">Loading…</p>`;
