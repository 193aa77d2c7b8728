"use strict";
// Charts by uPlot: lines over numbers or over places in a row, drawn anew for width and theme.

const Charts = (() => {
  const drawn = new Map();
  const COLOURS = 7;
  const DASHES = [[], [7, 3], [2, 3]];

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const short = (value) => {
    if (value == null) return "–";
    const size = Math.abs(value);
    if (size >= 1e6 && value % 1e3 === 0) return `${value / 1e6}M`;
    return size >= 100 ? String(+value.toFixed(size >= 1000 ? 0 : 1)) : String(+value.toPrecision(4));
  };

  // One array of x for all curves, as uPlot wants it, with gaps where a curve has no point.
  function aligned(curves) {
    const xs = [...new Set(curves.flatMap((curve) => curve.points.map(([x]) => x)))];
    xs.sort((a, b) => a - b);
    const columns = curves.map((curve) => {
      const known = new Map(curve.points);
      return xs.map((x) => known.get(x) ?? null);
    });
    return [xs, ...columns];
  }

  // Vertical lines at `marks`, and a bar from low to high at each of `bars`.
  function drawMarks(u, spec) {
    const { ctx, bbox } = u;
    const wide = devicePixelRatio || 1;
    ctx.save();
    ctx.lineWidth = wide;
    ctx.strokeStyle = style("--quiet");
    ctx.setLineDash([4 * wide, 4 * wide]);
    for (const x of spec.marks ?? []) {
      const at = Math.round(u.valToPos(x, "x", true));
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.setLineDash([]);
    spec.curves.forEach((curve, place) => {
      ctx.strokeStyle = colour(curve.colour ?? place);
      for (const [x, low, high] of curve.bars ?? []) {
        const at = u.valToPos(x, "x", true);
        ctx.beginPath();
        ctx.moveTo(at, u.valToPos(low, "y", true));
        ctx.lineTo(at, u.valToPos(high, "y", true));
        ctx.stroke();
      }
    });
    ctx.restore();
  }

  const colour = (place) => style(`--c${(place % COLOURS) + 1}`);

  function axis(label, values, extra) {
    const grid = { stroke: style("--grid"), width: 1 };
    const font = "12px system-ui, sans-serif";
    const ink = { stroke: style("--quiet"), font, labelFont: font, labelSize: 20 };
    return { ...ink, label, grid, ticks: grid, values, ...extra };
  }

  function options(host, spec) {
    const power = (value) => (Math.abs(Math.log10(value) % 1) < 1e-9 ? short(value) : "");
    const decades = (u, splits) => splits.map((value) => (value == null ? "" : power(value)));
    const names = (u, splits) => splits.map((value) => spec.names[value] ?? "");
    const plain = (u, splits, axis, space, step) => {
      const isWhole = (digits) => Math.abs(Math.round(step * 10 ** digits) / 10 ** digits / step - 1) < 1e-6;
      const digits = [0, 1, 2, 3, 4, 5].find(isWhole) ?? 6;
      return splits.map((value) => value.toFixed(digits));
    };
    const first = spec.names ? names : spec.log ? decades : plain;
    const ordinal = spec.names ? { incrs: [1, 2, 5, 10, 20, 50, 100] } : {};
    const most = spec.names ? spec.names.length - 1 : 0;
    return {
      width: Math.max(host.clientWidth, 200),
      height: spec.height ?? 320,
      padding: [10, 14, 0, 4],
      cursor: { drag: { x: false, y: false }, points: { size: 7 } },
      legend: { live: true },
      scales: {
        x: { time: false, distr: spec.log ? 3 : 1, ...(spec.names && { range: [-0.4, most + 0.4] }) },
        y: { distr: spec.log ? 3 : 1, ...(spec.range && { range: spec.range }) },
      },
      axes: [
        axis(spec.x, first, ordinal),
        axis(spec.y, spec.log ? decades : plain, { size: 56 }),
      ],
      series: [
        { label: spec.x, value: (u, x) => (spec.names ? spec.names[x] : short(x)) ?? "–" },
        ...spec.curves.map((curve, place) => ({
          label: curve.name,
          stroke: colour(curve.colour ?? place),
          width: curve.width ?? 1.75,
          dash: curve.dash ?? DASHES[Math.floor(place / COLOURS) % DASHES.length],
          points: { show: true, size: 5, fill: colour(curve.colour ?? place) },
          spanGaps: true,
          value: (u, y) => (y == null ? "–" : `${short(y)}${spec.unit ?? ""}`),
        })),
      ],
      hooks: { draw: [(u) => drawMarks(u, spec)] },
    };
  }

  function draw(host, spec) {
    drawn.get(host)?.plot.destroy();
    host.replaceChildren();
    const plot = new uPlot(options(host, spec), aligned(spec.curves), host);
    const said = `${spec.title}: ${spec.curves.map((curve) => curve.name).join(", ")}`;
    host.setAttribute("role", "img");
    host.setAttribute("aria-label", said);
    drawn.set(host, { plot, spec, width: host.clientWidth });
  }

  function again(isForced) {
    for (const [host, { spec, width }] of drawn) {
      if (isForced || host.clientWidth !== width) draw(host, spec);
    }
  }

  let waiting = 0;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => again(false), 120);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => again(true));

  return { draw, short };
})();
