import assert from "node:assert/strict";
import test from "node:test";

import { load } from "./console.mjs";

const { columns, largest, quotaChart } = await load("usage/series.js");
const { healthOf } = await load("sources/health.js");

const points = (service, values) =>
  values.map((bandwidth_used, index) => ({
    service,
    route: "",
    time: `2026-11-20T16:0${index + 1}:00.000Z`,
    bandwidth_used,
  }));

test("a gap stays a gap, and the smaller series are summed", () => {
  const given = [
    ...points("a", [1, null, 3]),
    ...points("b", [null, null, 30]),
    ...points("c", [100, null, null]),
  ];
  assert.deepEqual(largest(columns(given, ({ service }) => service).series, 2), [
    { name: "c", values: [100, null, null], total: 100 },
    { name: "2 others", values: [1, null, 33], total: 34 },
  ]);
});

test("a quota's usage is cumulative over its period and projected to its end", () => {
  const quota = {
    period_start: "2026-11-20T16:00:00Z",
    period_end: "2026-11-20T17:00:00Z",
    limit_bytes: 200,
    thresholds: [80, 100],
    projected: 480,
  };
  const given = [...points("a", [null, 10, 20]), ...points("b", [null, 1, null])];
  // 30 seconds before the end of the last window.
  const drawn = quotaChart(quota, given, Date.parse("2026-11-20T16:02:30Z") / 1000);
  assert.deepEqual(
    drawn.times.map((time) => time - drawn.times[0]),
    [0, 60, 120, 150, 3600],
  );
  assert.deepEqual(drawn.used, [0, 0, 11, 31, null]);
  assert.deepEqual(drawn.projection, [null, null, null, 31, 480]);
  assert.deepEqual(drawn.thresholds, [
    { threshold: 80, bytes: 160 },
    { threshold: 100, bytes: 200 },
  ]);
});

const AT_16 = "2026-11-20T16:00:00Z",
  LATER = "2026-11-20T16:01:00Z";
const SOURCES = [
  [{}, "waiting"],
  [{ last_success_at: AT_16 }, "healthy"],
  [{ last_success_at: AT_16, last_error_at: LATER }, "failing"],
  [{ last_success_at: "2026-11-20T16:02:00Z", last_error_at: LATER, last_warning: "x" }, "warning"],
];
for (const [source, health] of SOURCES) {
  test(`${JSON.stringify(source)} is ${health}`, () => assert.equal(healthOf(source), health));
}
