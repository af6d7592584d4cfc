import { html, useMemo } from "../view.js";
import { useResource } from "../resource.js";
import { Loaded } from "../components/pages.js";
import { bytes, zone } from "../format.js";
import { Chart } from "../usage/chart.js";
import { points } from "../usage/load.js";
import { quotaChart } from "../usage/series.js";

// Chart of a quota's usage in the current period, with thresholds and projection.
export function QuotaChart({ quota }) {
  const { type, service, route, account, period_start: from } = quota;
  const query = { type, service, route, account, from };
  const usage = useResource((signal) => points(query, signal), [JSON.stringify(query)], {
    every: 30_000,
  });
  return html`<${Loaded} of=${usage}>${(data) => html`<${Drawn} quota=${quota} data=${data} />`}
    <//>`;
}

// A line with only its two end points: dashes through every point are drawn in pieces, and pale.
const across = (times, at) => times.map((_, n) => (n === 0 || n === times.length - 1 ? at : null));

function Drawn({ quota, data }) {
  const drawn = useMemo(() => {
    const { times, used, projection, thresholds } = quotaChart(
      quota,
      data.items,
      Date.now() / 1000,
    );
    const lines = [
      { name: "Used", values: used, colour: "--series-1", width: 2, fill: true, spanGaps: true },
      ...(projection
        ? [
            {
              name: "Projected",
              values: projection,
              colour: "--series-1",
              dash: [4, 5],
              spanGaps: true,
              points: false,
            },
          ]
        : []),
      ...thresholds.map(({ threshold, bytes: at }) => ({
        name: `${threshold} %`,
        values: across(times, at),
        level: at,
        spanGaps: true,
        colour: threshold >= 100 ? "--bad" : "--warn",
        width: threshold >= 100 ? 1.5 : 1,
        dash: threshold >= 100 ? undefined : [8, 4],
        points: false,
      })),
    ];
    const [begin, end] = [quota.period_start, quota.period_end].map(
      (time) => Date.parse(time) / 1000,
    );
    return { times, lines, range: [begin, end], top: quota.limit_bytes };
  }, [data, quota]);
  const projected = quota.projected ? `, projected ${bytes(quota.projected)}` : "";
  const label = `Used ${bytes(quota.used)} of ${bytes(quota.limit_bytes)}${projected}`;
  return html`<${Chart} ...${drawn} label=${label} />
    <p class="small quiet">Sums of counters since the start of the ${quota.period}. The quota is
      evaluated every minute. Times: ${zone()}.
      ${quota.projected === null ? " The projection starts after 1/24 of the period." : ""}
        </p>`;
}
