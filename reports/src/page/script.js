"use strict";
// Figures on screen: plots to hover over and zoom into, drawn from the numbers in the page. Without this script, and on paper, the drawings stand.
const PAPER = "#fff", INK = "#222", SOFT = "#606060", GRID = "#d8d8d8";
const FONT = 'system-ui, "DejaVu Sans", sans-serif';
const data = (section) => {
  const element = document.getElementById("data-" + section.id);
  return element ? JSON.parse(element.textContent) : null;
};
const digits = (v) => {
  const a = Math.abs(v);
  if (v === 0) return "0";
  if (a >= 1e15 || a < 1e-4) return v.toExponential(2);
  const steps = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];
  const step = a >= 1e5 ? steps.find((s) => a >= s[0]) : null;
  return step ? Number((v / step[0]).toPrecision(3)) + " " + step[1] : String(Number(v.toPrecision(a >= 100 ? Math.ceil(Math.log10(a + 1)) : 3)));
};
const time = (ns) => {
  const steps = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]];
  const step = steps.find((s) => Math.abs(ns) >= s[0]) || [1, "ns"];
  return Number((ns / step[0]).toPrecision(3)) + " " + step[1];
};
const shown = (v, unit) => (v === null || v === undefined ? "not measured" : unit === "ns" ? time(v) : digits(v) + (unit ? " " + unit : ""));
const percent = (v) => (v === 0 ? "0 %" : Number((100 * v).toPrecision(3)) + " %");
const text = (t) => String(t).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const titled = (name, more) => Object.assign({ name, nameLocation: "middle", nameTextStyle: { color: INK, fontSize: 13 },
  axisLabel: { color: INK, hideOverlap: true }, axisLine: { show: true, lineStyle: { color: INK } },
  splitLine: { lineStyle: { color: GRID } } }, more);
const look = (css) => {
  const [color, ...dash] = css.split(" ");
  return { color, type: dash.length ? dash.map(Number) : "solid" };
};
const base = (more) => Object.assign({ backgroundColor: PAPER, animation: false, textStyle: { fontFamily: FONT, color: INK },
  toolbox: { right: 8, top: 0, itemSize: 13, feature: { dataZoom: {}, restore: { title: "Whole again" }, saveAsImage: { title: "Save as PNG" } } },
  legend: { type: "scroll", top: 0, left: 8, right: 120, selectedMode: false, textStyle: { color: INK } },
  grid: { left: 84, right: 28, top: 44, bottom: 64 } }, more);
const zoom = (axes) => Object.keys(axes).map((a) => ({ type: "inside", [a + "AxisIndex"]: axes[a], filterMode: "none", zoomOnMouseWheel: "ctrl" }));
// A kind of figure to an option of the library; `hidden` holds the stages that are switched off.
const options = {
  steps: (c, all, hidden) => {
    // Whole decades around all times, and below all shares: on a logarithmic axis nothing is at 0.
    const times = c.rows.flatMap((r) => (r.points.length ? [Math.max(1, r.points[0][0]), r.points[r.points.length - 1][0]] : [])).concat(c.limit_ns || []);
    const from = 10 ** Math.floor(Math.log10(Math.min(...times))), to = Math.max(100 * from, 10 ** Math.ceil(Math.log10(Math.max(...times))));
    const floor = Math.min(0.01, 10 ** Math.floor(Math.log10(1 / Math.max(...c.rows.map((r) => r.count)))));
    const series = c.rows.map((r, i) => {
      const over = (share) => (c.cdf ? 1 - share : Math.max(share, floor));
      const points = r.count ? [[from, over(1)]] : [];
      let share = 1;
      for (const [ns, above] of r.points) {
        points.push([Math.max(1, ns), over(share)], [Math.max(1, ns), over(above)]);
        share = above;
      }
      if (r.count && (c.cdf || share > 0)) points.push([to, over(share)]);
      const mark = i === 0 && c.limit_ns ? { silent: true, symbol: "none", label: { formatter: time(c.limit_ns), color: INK }, lineStyle: { color: "#787878", type: "dashed" }, data: [{ xAxis: c.limit_ns }] } : undefined;
      const style = all.stages[i] || { color: INK, dash: [] };
      return { name: r.label, type: "line", showSymbol: false, data: hidden.has(i) ? [] : points, markLine: mark, color: style.color,
        lineStyle: { width: 2.5, color: style.color, type: style.dash.length ? style.dash : "solid" } };
    });
    const y = c.cdf ? titled(c.y, { type: "value", min: 0, max: 1, nameGap: 58 }) : titled(c.y, { type: "log", min: floor, max: 1, nameGap: 58 });
    y.axisLabel.formatter = percent;
    const x = titled(c.x, { type: "log", min: from, max: to, nameGap: 34 });
    x.axisLabel.formatter = time;
    const tip = (p) => text(p.seriesName) + "<br>" + text(time(p.value[0])) + ": " + text(!c.cdf && p.value[1] <= floor ? "none" : percent(p.value[1])) + " " + text(c.y);
    return base({ xAxis: x, yAxis: y, series, dataZoom: zoom({ x: 0 }),
      tooltip: { trigger: "axis", axisPointer: { type: "line", snap: true }, formatter: (ps) => ps.map(tip).join("<br>") } });
  },
  bars: (c, all, hidden) => {
    const rows = c.rows.map((r, i) => i).filter((i) => !hidden.has(i)).reverse();
    const series = c.classes.map((name, k) => ({ name, type: "bar", stack: "all", color: all.areas[k % all.areas.length], barMaxWidth: 26,
      itemStyle: { borderColor: PAPER, borderWidth: 1 }, data: rows.map((i) => c.rows[i].values[k]) }));
    const tip = (ps) => text(ps[0].name) + ps.filter((p) => p.value > 0).reverse().map((p) => "<br>" + p.marker + text(p.seriesName) + ": " + text(digits(p.value))).join("");
    return base({ grid: { left: 20, right: 40, top: 44, bottom: 50, containLabel: true }, series, dataZoom: zoom({ x: 0 }), xAxis: titled(c.x, { type: "value", nameGap: 32 }),
      yAxis: titled("", { type: "category", data: rows.map((i) => c.rows[i].label) }), tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, formatter: tip } });
  },
  intervals: (c, all, hidden) => {
    const rows = c.rows.filter((r) => !hidden.has(r.stage)).reverse();
    const color = (r) => (all.stages[r.stage] || { color: INK }).color;
    const dots = rows.map((r, i) => ({ value: [r.value > 0 ? r.value : null, i], itemStyle: { color: color(r) } })).filter((d) => d.value[0] !== null);
    const draw = (params, api) => {
      const r = rows[params.dataIndex], y = api.coord([r.high, params.dataIndex])[1];
      const to = api.coord([r.high, params.dataIndex])[0], from = r.low > 0 ? api.coord([r.low, params.dataIndex])[0] : params.coordSys.x + 4;
      const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: color(r), lineWidth: 2.5 } });
      const start = r.low > 0 ? line(from, y - 6, from, y + 6) : { type: "polygon", shape: { points: [[from, y], [from + 10, y - 5], [from + 10, y + 5]] }, style: { fill: color(r) } };
      return { type: "group", children: [line(from, y, to, y), line(to, y - 6, to, y + 6), start] };
    };
    const bars = { type: "custom", renderItem: draw, data: rows.map((r, i) => [r.high || null, i]), encode: { x: 0, y: 1 }, clip: true };
    const tip = (p) => { const r = rows[p.value[1]];
      return text(r.label) + "<br>" + text(r.value === null ? "not measured" : digits(r.value) + " (95 %: " + digits(r.low) + " to " + digits(r.high) + ")") + "<br>" + text(r.count) + " events"; };
    const least = Math.min(...rows.map((r) => (r.low > 0 ? r.low : r.high / 4)).filter((v) => v > 0));
    const most = Math.max(...rows.map((r) => r.high));
    const x = titled(c.x, { type: "log", nameGap: 32, min: 10 ** Math.floor(Math.log10(least)), max: 10 ** Math.ceil(Math.log10(most)) });
    x.axisLabel.formatter = digits;
    return base({ grid: { left: 20, right: 40, top: 30, bottom: 50, containLabel: true }, xAxis: x, yAxis: titled("", { type: "category", data: rows.map((r) => r.label) }),
      dataZoom: zoom({ x: 0 }), tooltip: { formatter: tip }, series: [bars, { type: "scatter", symbolSize: 11, data: dots }] });
  },
  lines: (c, all, hidden, f) => {
    const n = c.panels.length, columns = n > 1 ? 2 : 1, rows = Math.ceil(n / columns);
    const numbers = c.xs.every((x) => /^[-+.\d]/.test(x)), high = 250, grids = [], xs = [], ys = [], series = [], titles = [];
    c.panels.forEach((p, k) => {
      const left = 50 * (k % columns), top = 40 + high * Math.floor(k / columns);
      grids.push({ left: "calc", top: top + 34, height: high - 100, ...(columns > 1 ? { left: left + 7 + "%", width: "39%" } : { left: 84, right: 28 }) });
      titles.push({ text: p.title + (p.unit && p.unit !== "ns" ? " (" + p.unit + ")" : ""), left: columns > 1 ? left + 2 + "%" : 8, top, textStyle: { fontSize: 13, color: INK } });
      xs.push(titled(c.x, { type: "category", gridIndex: k, data: c.xs, nameGap: 28 }));
      const y = titled("", { type: "value", gridIndex: k, min: 0 });
      y.axisLabel.formatter = (v) => (p.unit === "ns" ? time(v) : digits(v));
      ys.push(y);
      p.lines.forEach((l, i) => {
        const style = f.colors[i] ? look(f.colors[i]) : { color: INK, type: "solid" };
        series.push({ name: l.label, type: "line", xAxisIndex: k, yAxisIndex: k, color: style.color, lineStyle: { width: numbers ? 2.2 : 0, ...style }, symbolSize: 7, connectNulls: true,
          data: hidden.has(i) && f.byStage ? [] : l.points.map((q) => ({ value: [q[0], q[1]], q, unit: p.unit })) });
      });
    });
    const tip = (p) => text(p.seriesName) + "<br>" + text(c.x) + " " + text(c.xs[p.value[0]]) + ": " + text(shown(p.value[1], p.data.unit)) + (p.data.q[2] === null ? "" : " ± " + text(shown(p.data.q[2], p.data.unit))) + "<br>" + p.data.q[3] + " runs";
    return base({ high: 40 + high * rows, title: titles, grid: grids, xAxis: xs, yAxis: ys, series, tooltip: { formatter: tip }, dataZoom: zoom({ x: xs.map((_, i) => i) }) });
  },
  heat: (c, all, hidden, f) => {
    const panel = c.panels[f.panel || 0], cells = [], values = c.panels.flatMap((p) => p.cells.flat()).filter((v) => v !== null);
    panel.cells.forEach((row, y) => row.forEach((v, x) => { if (v !== null) cells.push([x, y, v]); }));
    const least = Math.min(...values), most = Math.max(...values), log = least > 0 && most / least > 30;
    const on = (v) => (log ? Math.log10(v) : v), off = (v) => (log ? 10 ** v : v);
    const tip = (p) => text(c.y) + " " + text(c.ys[p.value[1]]) + "<br>" + text(c.x) + " " + text(c.xs[p.value[0]]) + "<br>" + text(c.value) + ": " + text(shown(p.data.plain, c.unit));
    const gap = 20 + 6.5 * Math.min(24, Math.max(...c.ys.map((t) => t.length)));
    return base({ legend: undefined, title: { text: panel.title, left: 8, top: 0, textStyle: { fontSize: 13, color: INK } },
      grid: { left: 28 + gap, right: 160, top: 40, bottom: 56 },
      xAxis: titled(c.x, { type: "category", data: c.xs, nameGap: 34, splitArea: { show: true } }), yAxis: titled(c.y, { type: "category", data: c.ys, inverse: true, nameGap: gap }),
      visualMap: { type: "continuous", calculable: true, min: on(least), max: most > least ? on(most) : on(least) + 1, right: 10, top: 40, align: "left", dimension: 2, inRange: { color: all.heat }, formatter: (v) => shown(off(v), c.unit), textStyle: { color: INK } },
      dataZoom: zoom({ x: 0, y: 0 }), tooltip: { formatter: tip }, series: [{ type: "heatmap", data: cells.map((v) => ({ value: [v[0], v[1], on(v[2])], plain: v[2] })), emphasis: { itemStyle: { borderColor: INK, borderWidth: 1 } } }] });
  },
};
const drawings = document.getElementById("drawings");
const height = (chart, option) => option.high || ({ bars: 90 + 34 * (chart.rows || []).length, intervals: 110 + 30 * (chart.rows || []).length, heat: 120 + 24 * (chart.ys || []).length }[chart.kind] || 430);
const draw = (place, chart, all, hidden, f) => {
  const option = options[chart.kind](chart, all, hidden, f);
  place.style.height = Math.min(Math.max(height(chart, option), 260), 1400) + "px";
  delete option.high;
  const plot = echarts.getInstanceByDom(place) || echarts.init(place, null, { renderer: "canvas" });
  plot.resize();
  plot.setOption(option, true);
};
const chooser = (label, names, change) => {
  const wrap = document.createElement("label"), select = document.createElement("select");
  names.forEach((n, i) => select.add(new Option(n, i)));
  select.addEventListener("change", () => change(Number(select.value)));
  wrap.append(label + " ", select);
  return [wrap, select];
};
const redraws = [];
for (const section of document.querySelectorAll(".experiment")) {
  const all = data(section), hidden = new Set();
  for (const box of section.querySelectorAll("input[data-stage]")) {
    const stage = Number(box.dataset.stage);
    const show = () => {
      for (const g of section.querySelectorAll("figure .stage-" + stage)) g.style.display = box.checked ? "" : "none";
      if (box.checked) hidden.delete(stage); else hidden.add(stage);
    };
    box.addEventListener("change", () => { show(); redraws.filter((r) => r.section === section && r.seen).forEach((r) => r.draw()); });
    show();
  }
  if (!all) continue;
  for (const f of all.figures) {
    const figure = section.querySelector('figure[data-figure="' + CSS.escape(f.name) + '"]');
    // Where nothing was measured the drawing says so.
    if (!figure || !options[f.chart.kind] || (f.chart.kind === "steps" && f.chart.rows.every((r) => !r.count))) continue;
    const names = all.stages.map((s) => s.label);
    f.byStage = f.chart.kind === "lines" && f.chart.panels[0].lines.every((l) => names.includes(l.label));
    const place = document.createElement("div");
    place.className = "plot";
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", f.question + " The numbers are in the table below the figure.");
    figure.prepend(place);
    figure.classList.add("has-plot");
    const one = { section, seen: false, figure, draw: () => { if (!drawings.checked) draw(place, f.chart, all, hidden, f); } };
    if (f.chart.kind === "heat" && f.chart.panels.length > 1) {
      const [wrap] = chooser("Map", f.chart.panels.map((p) => p.title), (i) => { f.panel = i; one.draw(); });
      wrap.className = "live";
      figure.before(wrap);
    }
    redraws.push(one);
  }
  const explorer = section.querySelector("[data-explorer]");
  if (explorer && all.sweep) explore(section, explorer, all, redraws);
}
// Any two axes of a sweep; of the others one value or all of them.
function explore(section, explorer, all, list) {
  const s = all.sweep, choices = explorer.querySelector(".choices"), place = explorer.querySelector(".plot"), caption = explorer.querySelector("figcaption");
  const usable = s.axes.map((a, i) => i).filter((i) => s.axes[i].values.length > 1);
  const measured = s.measures.map((m, i) => i).filter((i) => s.points.some((p) => p[2][i] !== null));
  const state = { x: 0, y: usable.length > 1 ? 1 : usable.length, m: Math.max(0, measured.findIndex((i) => s.measures[i].name === "throughput")), only: {} };
  const update = () => {
    const ax = s.axes[usable[state.x]], ay = s.axes[usable[state.y]], m = s.measures[measured[state.m]];
    const kept = s.points.filter((p) => Object.entries(state.only).every(([i, v]) => v < 0 || p[0][i] === v));
    const cells = (ay ? ay.values : [""]).map(() => ax.values.map(() => []));
    for (const p of kept) {
      const v = p[2][measured[state.m]];
      if (v !== null) cells[ay ? p[0][usable[state.y]] : 0][p[0][usable[state.x]]].push([v, p[1]]);
    }
    const mean = (c) => (c.length ? c.reduce((a, q) => a + q[0] * q[1], 0) / c.reduce((a, q) => a + q[1], 0) : null);
    const f = { colors: [all.stages[1] ? all.stages[1].color : "#d55e00"] };
    const line = cells[0].map((c, i) => [i, mean(c), null, c.reduce((a, q) => a + q[1], 0)]).filter((q) => q[1] !== null);
    const chart = ay ? { kind: "heat", x: ax.name, y: ay.name, value: m.title, unit: m.unit, xs: ax.values, ys: ay.values, panels: [{ title: m.title, cells: cells.map((r) => r.map(mean)) }] }
      : { kind: "lines", x: ax.name, xs: ax.values, panels: [{ title: m.title, unit: m.unit, lines: [{ label: "all", points: line }] }] };
    caption.textContent = m.title + " by " + ax.name + (ay ? " and " + ay.name : "") + ": means over " + kept.reduce((a, p) => a + p[1], 0) + " runs at " + kept.length + " of " + s.points.length + " points.";
    place.setAttribute("data-points", kept.length);
    if (one.seen) draw(place, chart, all, new Set(), f);
  };
  const one = { section, seen: false, figure: explorer, draw: update };
  const names = usable.map((i) => s.axes[i].name);
  const [x, sx] = chooser("Across", names, (i) => { state.x = i; update(); });
  const [y, sy] = chooser("Down", names.concat("(none)"), (i) => { state.y = i; update(); });
  const [m, sm] = chooser("Measure", measured.map((i) => s.measures[i].name), (i) => { state.m = i; update(); });
  sx.value = state.x; sy.value = state.y; sm.value = state.m;
  choices.append(x, y, m);
  for (const i of usable) {
    const [only] = chooser("Only " + s.axes[i].name, ["all"].concat(s.axes[i].values), (v) => { state.only[i] = v - 1; update(); });
    choices.append(only);
  }
  list.push(one);
  update();
}
// Zooming without a mouse: a figure that has the focus takes +, - and 0, a plot the arrows too; the buttons below do the same.
const zoomed = (figure, by, aside, down) => {
  const place = figure.querySelector(".plot"), plot = place && !drawings.checked && echarts.getInstanceByDom(place);
  if (!plot) {
    const svg = figure.querySelector("svg");
    const wide = by === 0 ? 100 : Math.min(800, Math.max(100, Number(svg.dataset.wide || 100) / by));
    svg.dataset.wide = wide;
    svg.style.maxWidth = svg.style.width = wide > 100 ? wide + "%" : "";
    return;
  }
  plot.getOption().dataZoom.forEach((z, i) => {
    if (z.type !== "inside") return;
    const shift = z.yAxisIndex && z.yAxisIndex.length ? down : aside, size = by === 0 ? 100 : Math.min(100, (z.end - z.start) * by);
    const start = by === 0 ? 0 : Math.min(100 - size, Math.max(0, (z.start + z.end - size) / 2 + shift * size));
    plot.dispatchAction({ type: "dataZoom", dataZoomIndex: i, start, end: start + size });
  });
};
const keys = { "+": [0.5, 0, 0], "=": [0.5, 0, 0], "-": [2, 0, 0], "0": [0, 0, 0], ArrowLeft: [1, -0.2, 0], ArrowRight: [1, 0.2, 0], ArrowUp: [1, 0, -0.2], ArrowDown: [1, 0, 0.2] };
for (const figure of document.querySelectorAll("figure.paper")) {
  const line = document.createElement("p");
  line.className = "live zoom";
  for (const [key, label, long] of [["+", "+", "Zoom in"], ["-", "\u2212", "Zoom out"], ["0", "Whole", "Show the whole figure"]]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.setAttribute("aria-label", long);
    button.addEventListener("click", () => zoomed(figure, ...keys[key]));
    line.append(button);
  }
  figure.before(line);
  figure.addEventListener("keydown", (e) => {
    const isPlot = !drawings.checked && figure.querySelector(".plot");
    // A drawing is scrolled by arrows as it is, and a whole plot leaves them to the page.
    if (e.target !== figure || e.ctrlKey || e.metaKey || e.altKey || !keys[e.key] || (e.key.startsWith("Arrow") && !isPlot)) return;
    if (e.key.startsWith("Arrow") && echarts.getInstanceByDom(isPlot).getOption().dataZoom.every((z) => z.end - z.start > 99.9)) return;
    e.preventDefault();
    zoomed(figure, ...keys[e.key]);
  });
}
// Plots are drawn when they come into sight, so that a long page opens at once.
const seen = (r) => { if (!r.seen) { r.seen = true; r.draw(); } };
if ("IntersectionObserver" in window) {
  const watch = new IntersectionObserver((entries) => {
    for (const e of entries) if (e.isIntersecting) redraws.filter((r) => r.figure === e.target).forEach(seen);
  }, { rootMargin: "600px" });
  redraws.forEach((r) => watch.observe(r.figure));
}
// The others follow one by one.
const rest = () => { const next = redraws.find((r) => !r.seen); if (next) { seen(next); setTimeout(rest, 30); } };
setTimeout(rest, 400);
let waiting = 0;
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => redraws.filter((r) => r.seen).forEach((r) => r.draw()), 150); });
drawings.addEventListener("change", () => {
  document.body.classList.toggle("drawings", drawings.checked);
  redraws.filter((r) => r.seen).forEach((r) => r.draw());
});
document.body.classList.add("scripted");
const filter = document.getElementById("filter");
const matches = document.getElementById("matches");
filter.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0, all = 0;
  for (const row of document.querySelectorAll("[data-row]")) {
    const experiment = row.closest(".experiment").querySelector("h2").textContent;
    const text = (experiment + " " + row.textContent).toLowerCase();
    row.hidden = !words.every((w) => text.includes(w));
    if (row.dataset.of !== undefined) { all += 1; shown += row.hidden ? 0 : 1; }
  }
  matches.textContent = words.length ? shown + " of " + all + " stages" : "";
});
