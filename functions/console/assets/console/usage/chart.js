import { html, useEffect, useRef, useState } from "../view.js";
import { bytes, local } from "../format.js";

const { uPlot } = globalThis;

// A chart of `lines` {name, values, colour, width, dash, fill, points, level} over `times`. `level`
// is the legend's value for a horizontal line. Dragging calls `onZoom(from, to)`.
export function Chart({ times, lines, label, range = null, top = null, onZoom = null }) {
  const place = useRef();
  const themeVersion = useThemeVersion();

  useEffect(() => {
    const element = place.current;
    const plot = new uPlot(
      options({ lines, range, top, onZoom, width: element.clientWidth, element }),
      [times, ...lines.map(({ values }) => values)],
      element,
    );
    const watcher = new ResizeObserver(() =>
      plot.setSize({ width: element.clientWidth, height: height(element.clientWidth) }),
    );
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      plot.destroy();
    };
  }, [times, lines, themeVersion]);

  return html`<figure class="chart"><div ref=${place} role="group" aria-label=${label}></div>
    </figure>`;
}

const height = (width) => (width < 500 ? 220 : 300);

function options({ lines, range, top, onZoom, width, element }) {
  const colour = palette(element);
  const axis = {
    stroke: colour("--quiet"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1 },
    font: "12px system-ui, sans-serif",
  };
  return {
    width,
    height: height(width),
    cursor: { drag: { x: Boolean(onZoom), y: false, setScale: false }, points: { size: 7 } },
    select: { show: Boolean(onZoom) },
    scales: {
      x: range ? { range: () => range } : {},
      y: { range: (_, __, max) => [0, Math.max(max ?? 0, top ?? 0, 1) * 1.06] },
    },
    axes: [
      { ...axis, values: (_, times, __, ___, step) => times.map((time) => tick(time, step)) },
      {
        ...axis,
        size: 68,
        values: (_, values) => values.map((value) => bytes(value)),
        incrs: INCREMENTS,
      },
    ],
    series: [
      { label: "Time", value: (_, time) => (time === null ? "–" : local(time * 1000)) },
      ...lines.map((line) => ({
        label: line.name,
        stroke: colour(line.colour),
        width: line.width ?? 1.5,
        dash: line.dash,
        spanGaps: line.spanGaps ?? false,
        fill: line.fill
          ? colour(line.colour).replace("rgb(", "rgba(").replace(")", ", 0.12)")
          : undefined,
        points: { show: line.points ?? undefined, size: 5 },
        value: (_, value, __, at) => bytes(at === null ? null : (line.level ?? value)),
      })),
    ],
    hooks: {
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (!onZoom || width < 4) return;
          onZoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
        },
      ],
    },
  };
}

const INCREMENTS = Array.from({ length: 17 }, (_, power) =>
  [1, 2, 5].map((n) => n * 10 ** power),
).flat();

// Labels in local time: the time of day, the date at midnight, or only dates for steps of days.
function tick(time, step) {
  const day = local(time * 1000, new Date(0)).slice(5, 10);
  const clock = local(time * 1000, new Date(0)).slice(11, 16);
  return step >= 86_400 ? day : clock === "00:00" ? day : clock;
}

// Resolves CSS variables to colours for a canvas, by the computed style of a temporary element.
function palette(element) {
  return (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    element.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
}

// Changes with the theme, so that the canvas is drawn again.
function useThemeVersion() {
  const [themeVersion, setThemeVersion] = useState(0);
  useEffect(() => {
    const change = () => setThemeVersion((n) => n + 1);
    const preferred = matchMedia("(prefers-color-scheme: dark)");
    preferred.addEventListener("change", change);
    addEventListener("themechange", change);
    return () => {
      preferred.removeEventListener("change", change);
      removeEventListener("themechange", change);
    };
  }, []);
  return themeVersion;
}
