// Formats numbers and times. Pure: callers pass the current time.

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

// Decimal units, as in limits and AWS prices: 1 kB is 1000 bytes.
export function bytes(count) {
  if (count === null || count === undefined) return "–";
  let value = Math.abs(count),
    unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${count < 0 ? "−" : ""}${Number(value.toFixed(digits))} ${UNITS[unit]}`;
}

export const percent = (value) =>
  value === null || value === undefined ? "–" : `${Number(value.toFixed(value < 10 ? 1 : 0))} %`;

export const integer = (value) => new Intl.NumberFormat("en").format(value);

// Examples: 250 ms, 4.2 s, 3 min 20 s, 2 h 5 min, 3 d 4 h.
export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  /** @type {[number, string, number, string][]} */
  const steps = [
    [86_400, "d", 3600, "h"],
    [3600, "h", 60, "min"],
    [60, "min", 1, "s"],
  ];
  for (const [size, name, part, partName] of steps) {
    if (whole < size) continue;
    const rest = Math.floor((whole % size) / part);
    return `${Math.floor(whole / size)} ${name}${rest ? ` ${rest} ${partName}` : ""}`;
  }
  return `${whole} s`;
}

/** @type {[number, string][]} */
const DISTANCES = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1000, "s"],
];

// A time relative to now: "12 s ago", "in 3 min".
export function distance(time, now) {
  const ms = Number(new Date(time)) - Number(now);
  if (Math.abs(ms) < 1500) return "now";
  const [size, name] = DISTANCES.find(([size]) => Math.abs(ms) >= size);
  const text = `${Math.round(Math.abs(ms) / size)} ${name}`;
  return ms < 0 ? `${text} ago` : `in ${text}`;
}

const two = (n) => String(n).padStart(2, "0");

// 2026-11-20 16:00:07 in the local time zone; today's times without the date.
export function local(time, now = new Date()) {
  const at = new Date(time);
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return at.toDateString() === now.toDateString() ? clock : `${day} ${clock}`;
}

export const utc = (time) =>
  `${new Date(time).toISOString().replace("T", " ").replace("Z", "")} UTC`;

// The local time zone: "Europe/Berlin (UTC+1)".
export function zone(at = new Date()) {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const minutes = -at.getTimezoneOffset();
  if (minutes === 0) return name === "UTC" ? "UTC" : `${name} (UTC)`;
  const sign = minutes < 0 ? "−" : "+";
  const hours = Math.floor(Math.abs(minutes) / 60);
  const rest = minutes % 60 ? `:${two(Math.abs(minutes) % 60)}` : "";
  return `${name} (UTC${sign}${hours}${rest})`;
}

export const seconds = (count) => duration(count * 1000);
