import { html } from "../view.js";

// `columns` are {title, cell, class}; on a phone each row becomes a card, with its columns' titles. Roles are said, since a table that is
// laid out otherwise isn't one any more for some browsers.
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

// Is seen only where it takes long enough to be noticed.
export const Loading = () => html`<p class="loading" role="status">Loading…</p>`;
