import { html } from "../view.js";
import { bytes, percent } from "../format.js";

// Bar of a quota's usage, with its thresholds and the projected usage.
export function Bar({ quota }) {
  const { used, limit_bytes: limit, percent: share, projected, thresholds } = quota;
  // Scale to usage and projection above the limit.
  const whole = Math.max(limit, used ?? 0, Math.min(projected ?? 0, limit * 1.5));
  const wide = (part) => `${Math.min(100, (100 * part) / whole)}%`;
  const tone =
    share === null || share === undefined
      ? "calm"
      : share >= 100
        ? "bad"
        : thresholds.some((one) => share >= one)
          ? "warn"
          : "good";
  const text =
    used === null || used === undefined
      ? "not evaluated yet"
      : `${bytes(used)} of ${bytes(limit)}, ${percent(share)}`;
  return html`<div class="quota"><div class=${`bar ${tone}`} role="meter"
    aria-label=${`Used of ${quota.name}`} aria-valuemin="0" aria-valuemax=${limit}
      aria-valuenow=${Math.min(used ?? 0, limit)} aria-valuetext=${text}>
      ${projected && html`<span class="projected" style=${{ width: wide(projected) }}></span>`}
      <span class="used" style=${{ width: wide(used ?? 0) }}></span>
      ${thresholds.map(
        (one) => html`
        <span class="tick" style=${{ left: wide((limit * one) / 100) }}></span>`,
      )}
    </div><span class="small">${text}</span></div>`;
}
