// From the API's points to what a chart draws: times, and a column of values for each series. Pure.

// Nothing and nothing is nothing: a gap stays a gap, and is no zero.
const plus = (a, b) => (a === null ? b : b === null ? a : a + b);

// One column for each series of `points` (`nameOf(point)` says which), all over the same times, in seconds.
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

// The largest, and the sum of the others as one more.
export function busiest(series, most) {
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

// What was used since the first window, window by window: of a window of which nothing is known nothing counts, as for quotas.
export function cumulated({ times, series }) {
  let sum = 0;
  return times.map((_, index) => {
    sum += total(series.map(({ values }) => values[index]));
    return sum;
  });
}

// The chart of a quota's period: what was used, its thresholds, and where it leads. `used` is what the last look found, which sums of windows
// follow within a minute.
export function standing(quota, points, now) {
  const [begin, end] = [quota.period_start, quota.period_end].map(
    (time) => Date.parse(time) / 1000,
  );
  const counted = columns(points, () => "used");
  // The last window's end is yet to come.
  const curve = cumulated(counted).map((value, index) => [
    Math.min(counted.times[index], now),
    value,
  ]);
  // Series that began later have no windows before: nothing was used until the first of them.
  const [first = begin, second = first] = counted.times;
  const at = new Map([[begin, 0], [Math.max(begin, 2 * first - second), 0], ...curve]);
  const last = Math.max(...at.keys());
  const times = [...new Set([...at.keys(), end])].sort((a, b) => a - b);
  const used = times.map((time) => at.get(time) ?? null);
  const leads =
    quota.projected === null || quota.projected === undefined
      ? null
      : times.map((time) => (time === last ? at.get(last) : time === end ? quota.projected : null));
  return {
    times,
    used,
    leads,
    thresholds: quota.thresholds.map((threshold) => ({
      threshold,
      bytes: (quota.limit_bytes * threshold) / 100,
    })),
  };
}
