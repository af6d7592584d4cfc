import { html, useEffect, useMemo, useState } from "../view.js";
import { isAdmin } from "../session.js";
import { nameOf } from "../components/account.js";
import { Table } from "../components/table.js";
import { bytes, integer, percent, zone } from "../format.js";
import { Chart } from "./chart.js";
import { columns, largest, total } from "./series.js";

const STEPS = { "1m": "a minute", "5m": "five minutes", "1h": "an hour", "1d": "a day" };
const LINES = 8;

// Chart and table of all series. A click on a series shows it alone.
export function SeriesChart({ data, isBusy, onZoom, accounts }) {
  const [selected, setSelected] = useState(null);
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
  useEffect(() => setSelected(null), [data]);
  const drawn = useMemo(
    () => (selected ? lines.filter(({ name }) => name === selected) : lines),
    [lines, selected],
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
        html`<p class="note warn">Not all series are shown. Filter by service, route or
        account.</p>`
      }
    </section>
    <${SeriesTable} series=${series} lines=${lines} sum=${sum} selected=${selected}
      onSelect=${setSelected} />`;
}

function SeriesTable({ series, lines, sum, selected, onSelect }) {
  return html`<section class="card"><h2>By series</h2><${Table} caption="Sums by series"
      rows=${[...series].sort((a, b) => b.total - a.total)} id=${({ name }) => name} columns=${[
        {
          title: "Series",
          cell: ({
            name,
          }) => html`<button type="button" class="link" aria-pressed=${String(selected === name)}
          disabled=${!lines.some((line) => line.name === name)}
        onClick=${() => onSelect(selected === name ? null : name)}>
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
