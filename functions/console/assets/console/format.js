// Numbers and times for people. Pure: the zone and the present are given where they matter.

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

// Decimal units, as limits and prices have them: 1 kB is 1000 bytes.
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

// 250 ms, 4.2 s, 3 min 20 s, 2 h 5 min, 3 d 4 h.
export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
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

// How far a time is from now, in words: "12 s ago", "in 3 min".
export function distance(time, now) {
  const ms = new Date(time) - now;
  if (Math.abs(ms) < 1500) return "now";
  const [size, name] = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1000, "s"],
  ].find(([size]) => Math.abs(ms) >= size);
  const text = `${Math.round(Math.abs(ms) / size)} ${name}`;
  return ms < 0 ? `${text} ago` : `in ${text}`;
}

const two = (n) => String(n).padStart(2, "0");

// 2026-11-20 16:00:07, in the reader's zone; today's without the day.
export function local(time, now = new Date()) {
  const at = new Date(time);
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return at.toDateString() === now.toDateString() ? clock : `${day} ${clock}`;
}

export const utc = (time) =>
  `${new Date(time).toISOString().replace("T", " ").replace("Z", "")} UTC`;

// What the reader's clock goes by: "Europe/Berlin (UTC+1)".
export function zone(at = new Date()) {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const minutes = -at.getTimezoneOffset();
  if (minutes === 0) return name === "UTC" ? "UTC" : `${name} (UTC)`;
  const offset = `${minutes < 0 ? "−" : "+"}${Math.floor(Math.abs(minutes) / 60)}${minutes % 60 ? ":" + two(Math.abs(minutes) % 60) : ""}`;
  return `${name} (UTC${offset})`;
}

export const seconds = (count) => duration(count * 1000);
