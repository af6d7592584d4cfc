// Converts the API's points to the columns of a chart. Pure.

// The sum of two gaps (null) is a gap, not zero.
const plus = (a, b) => (a === null ? b : b === null ? a : a + b);

// One column per series of `points`, over the same times in Unix seconds. `nameOf(point)` names the
// series.
export function columns(points, nameOf) {
  const times = [...new Set(points.map(({ time }) => Date.parse(time) / 1000))].sort(
    (a, b) => a - b,
  );
  const places = new Map(times.map((time, index) => [time, index]));
  const series = new Map();
  for (const point of points) {
    const name = nameOf(point);
    if (!series.has(name))
      series.set(
        name,
        times.map(() => null),
      );
    const values = series.get(name);
    const at = places.get(Date.parse(point.time) / 1000);
    values[at] = plus(values[at], point.bandwidth_used ?? null);
  }
  return {
    times,
    series: [...series].map(([name, values]) => ({ name, values, total: total(values) })),
  };
}

export const total = (values) => values.reduce((sum, value) => sum + (value ?? 0), 0);

// The largest series; if there are more than `most`, the last one is the sum of the rest.
export function largest(series, most) {
  const sorted = [...series].sort((a, b) => b.total - a.total);
  if (sorted.length <= most) return sorted;
  const rest = sorted.slice(most - 1);
  const values = rest[0].values.map((_, index) =>
    rest.reduce((sum, one) => plus(sum, one.values[index]), null),
  );
  return [
    ...sorted.slice(0, most - 1),
    { name: `${rest.length} others`, values, total: total(values) },
  ];
}

// Cumulative usage by window. A window without data counts as zero, as for quotas.
export function cumulative({ times, series }) {
  let sum = 0;
  return times.map((_, index) => {
    sum += total(series.map(({ values }) => values[index]));
    return sum;
  });
}

// The chart of a quota's period: cumulative usage, thresholds and projection, at a time `now` in
// Unix seconds. Sums of windows may differ from the quota's own `used` for up to a minute.
export function quotaChart(quota, points, now) {
  const [begin, end] = [quota.period_start, quota.period_end].map(
    (time) => Date.parse(time) / 1000,
  );
  const counted = columns(points, () => "used");
  // The last window may end in the future.
  const curve = cumulative(counted).map((value, index) => [
    Math.min(counted.times[index], now),
    value,
  ]);
  // Usage is zero before the first window of any series.
  const [first = begin, second = first] = counted.times;
  const at = new Map([[begin, 0], [Math.max(begin, 2 * first - second), 0], ...curve]);
  const last = Math.max(...at.keys());
  const times = [...new Set([...at.keys(), end])].sort((a, b) => a - b);
  const used = times.map((time) => at.get(time) ?? null);
  const projection =
    quota.projected === null || quota.projected === undefined
      ? null
      : times.map((time) => (time === last ? at.get(last) : time === end ? quota.projected : null));
  return {
    times,
    used,
    projection,
    thresholds: quota.thresholds.map((threshold) => ({
      threshold,
      bytes: (quota.limit_bytes * threshold) / 100,
    })),
  };
}
