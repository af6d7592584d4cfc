import { html } from "../view.js";
import { Status } from "../components/status.js";
import { Table } from "../components/table.js";
import { Time } from "../components/time.js";
import { duration } from "../format.js";

const COLUMNS = [
  { title: "No.", class: "number", cell: ({ number }) => number },
  { title: "Outcome", cell: ({ outcome }) => html`<${Status} is=${outcome} />` },
  { title: "Started", cell: ({ started_at }) => html`<${Time} at=${started_at} />` },
  {
    title: "Duration",
    class: "number",
    cell: ({ started_at, ended_at }) =>
      started_at && ended_at ? duration(Date.parse(ended_at) - Date.parse(started_at)) : "–",
  },
  { title: "HTTP status", class: "number", cell: ({ http_status }) => http_status ?? "–" },
  {
    title: "Error",
    class: "wide",
    cell: ({ error }) => (error ? html`<code>${error.code}</code> ${error.message}` : "–"),
  },
];

export const AttemptList = ({ attempts }) =>
  html`<${Table} caption="Attempts" columns=${COLUMNS} rows=${attempts}
    id=${({ number }) => number} />`;
