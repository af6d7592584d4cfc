import { html, useEffect, useState } from "../view.js";
import { distance, local, utc } from "../format.js";

// A time in the local time zone, with UTC in the tooltip.
export const Time = ({ at }) =>
  at
    ? html`<time datetime=${at} title=${utc(at)}>${local(at)}</time>`
    : html`<span class="quiet">–</span>`;

// A time relative to now, updated every 5 seconds.
export function Ago({ at }) {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), 5000);
    return () => clearInterval(timer);
  }, []);
  return at
    ? html`<time datetime=${at} title=${`${local(at)}, ${utc(at)}`}>${distance(at, now)}</time>`
    : html`<span class="quiet">never</span>`;
}
