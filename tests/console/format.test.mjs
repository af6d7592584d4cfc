// The time zone of these tests. Node.js reads it when it formats the first time.
process.env.TZ = "Asia/Kolkata";

import assert from "node:assert/strict";
import test from "node:test";

import { load } from "./console.mjs";

const format = await load("format.js");

const SIZES = [
  [null, "–"],
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1 kB"],
  [1550, "1.55 kB"],
  [999_499, "999 kB"],
  [999_500, "1 MB"],
  [82_400_000, "82.4 MB"],
  [1e12, "1 TB"],
  [2 ** 53, "9.01 PB"],
];
for (const [count, text] of SIZES) {
  test(`bytes(${count}) is ${text}`, () => assert.equal(format.bytes(count), text));
}

const DURATIONS = [
  [-5, "0 ms"],
  [3.4, "3 ms"],
  [4200, "4.2 s"],
  [59_600, "1 min"],
  [200_000, "3 min 20 s"],
  [7_500_000, "2 h 5 min"],
  [273_600_000, "3 d 4 h"],
];
for (const [ms, text] of DURATIONS) {
  test(`duration(${ms}) is ${text}`, () => assert.equal(format.duration(ms), text));
}

test("times are local and name their zone", () => {
  const at = "2026-11-20T20:00:07.123Z";
  assert.equal(format.local(at, new Date("2026-01-01")), "2026-11-21 01:30:07");
  assert.equal(format.local(at, new Date(at)), "01:30:07");
  assert.equal(format.utc(at), "2026-11-20 20:00:07.123 UTC");
  assert.match(format.zone(new Date(at)), /^Asia\/(Calcutta|Kolkata) \(UTC\+5:30\)$/);
  assert.equal(format.distance(at, new Date("2026-11-20T20:03:10Z")), "3 min ago");
});
