import { html } from "../view.js";

// Statuses also differ in shape, for users who can't distinguish the colours.
const SHAPES = {
  queued: ["○", "calm"],
  running: ["◐", "busy"],
  completed: ["●", "good"],
  failed: ["✕", "bad"],
  cancelled: ["⊘", "off"],
  retried: ["↻", "warn"],
  crashed: ["✕", "bad"],
  active: ["●", "good"],
  inactive: ["⊘", "off"],
  enabled: ["●", "good"],
  disabled: ["⊘", "off"],
  healthy: ["●", "good"],
  failing: ["✕", "bad"],
  waiting: ["○", "calm"],
  warning: ["▲", "warn"],
  good: ["●", "good"],
  revoked: ["⊘", "off"],
  expired: ["⊘", "off"],
  live: ["●", "good"],
  polling: ["◐", "busy"],
  connecting: ["○", "calm"],
  reconnecting: ["▲", "warn"],
  paused: ["Ⅱ", "warn"],
  sent: ["●", "good"],
  blocked: ["✕", "bad"],
};

export function Status({ is, children }) {
  const [shape, tone] = SHAPES[is] ?? ["○", "calm"];
  return html`<span class=${`status ${tone}`}><span class="shape" aria-hidden="true">${shape}</span>
    ${children ?? is}</span>`;
}
