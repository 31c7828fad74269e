"use strict";
// Draws the charts of the report by Observable Plot, each to the width it has; texts and numbers
// come from the page's data, colours from its style sheet.
(() => {
  const charts = JSON.parse(document.getElementById("data").textContent);
  const colour = (at) => `var(--c${(at % 5) + 1})`;
  const number = new Intl.NumberFormat("en-US");
  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  const scale = (value) =>
    value < 1e3 ? number.format(value) : value < 1e6 ? `${number.format(value / 1e3)}k` : `${number.format(value / 1e6)}M`;
  const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

  // Long names get the room they need, but never most of a narrow window.
  const margin = (names, width) =>
    Math.min(width * 0.42, 16 + 7 * Math.max(4, ...names.map((name) => name.length)));
  const fit = (room) => Math.max(4, Math.floor((room - 14) / 6.9));

  const draw = {
    cells({ rows, options }, width) {
      const narrow = width < 560;
      const left = Math.min(margin(options.umbrellas, width), narrow ? 92 : 160);
      const height = narrow ? 30 : 34;
      const box = rows.map(([umbrella, decade, chosen, found, target, lacking, state]) => ({
        x: options.decades.indexOf(decade),
        y: options.umbrellas.indexOf(umbrella),
        chosen, found, target, lacking, state, umbrella, decade,
        share: target ? Math.min(1, chosen / target) : 0,
        seen: target ? Math.min(1, Math.max(chosen, found ?? 0) / target) : 0,
      }));
      const wanted = box.filter((one) => one.target !== null);
      const inner = 0.94;
      const part = (from, to, fill) =>
        Plot.rect(wanted, {
          x1: (d) => d.x + 0.03 + inner * from(d), x2: (d) => d.x + 0.03 + inner * to(d),
          y1: (d) => d.y + 0.05, y2: (d) => d.y + 0.95, fill,
        });
      const line = (value, dy, more) =>
        Plot.text(box, { x: (d) => d.x + 0.5, y: (d) => d.y + 0.5, text: value, dy, fill: "currentColor", ...more });
      return {
        width, marginLeft: left, marginTop: 22, marginBottom: 4, marginRight: 4,
        height: 26 + height * options.umbrellas.length,
        x: { domain: [0, options.decades.length], axis: null },
        y: { domain: [options.umbrellas.length, 0], axis: null },
        marks: [
          Plot.axisX(options.decades.map((_, at) => at + 0.5), {
            anchor: "top", tickSize: 0, tickFormat: (at) => options.decades[at - 0.5], label: null,
            fontSize: narrow ? 10 : 12,
          }),
          Plot.axisY(options.umbrellas.map((_, at) => at + 0.5), {
            tickSize: 0, label: null, tickFormat: (at) => short(options.umbrellas[at - 0.5], fit(left)),
          }),
          part((d) => d.seen, () => 1, "var(--lack)"),
          part((d) => d.share, (d) => d.seen, "var(--found)"),
          part(() => 0, (d) => d.share, "var(--full)"),
          line((d) => number.format(d.chosen), -6, {
            filter: (d) => d.target !== null, fontWeight: 600, fontSize: narrow ? 10.5 : 12.5,
          }),
          line((d) => (d.lacking ? `−${number.format(d.lacking)}` : "full"), 7, {
            filter: (d) => d.target !== null, fontSize: narrow ? 9 : 10.5,
          }),
          line((d) => number.format(d.chosen), 0, { filter: (d) => d.target === null, fontSize: narrow ? 10.5 : 12.5 }),
          Plot.tip(wanted, Plot.pointer({
            x: (d) => d.x + 0.5, y: (d) => d.y + 0.5,
            title: (d) => `${d.umbrella}, ${d.decade}\n${number.format(d.chosen)} chosen of ${number.format(d.target)}\n${number.format(d.found ?? 0)} found, ${number.format(d.lacking)} lacking\n${d.state}`,
          })),
        ],
      };
    },

    funnel({ rows }, width) {
      const left = margin(rows.map((row) => row[0]), width);
      const most = Math.max(1, rows[0][1]);
      return {
        width, marginLeft: left, marginRight: 8, height: 24 + 30 * rows.length, marginTop: 4, marginBottom: 20,
        x: { domain: [0, most * 1.02], label: null, ticks: Math.max(2, Math.floor(width / 130)), tickFormat: scale, grid: true },
        y: { domain: rows.map((row) => row[0]), label: null, tickSize: 0, padding: 0.18, tickFormat: (d) => short(d, fit(left)) },
        marks: [
          Plot.barX(rows, { x: "1", y: "0", fill: "var(--full)" }),
          Plot.barX(rows, { x1: "1", x2: (d) => d[1] + d[2], y: "0", fill: "var(--lack)" }),
          Plot.text(rows, {
            x: 0, y: "0", dx: 6, textAnchor: "start", fill: "currentColor",
            text: (d) => number.format(d[1]) + (d[2] ? (width < 560 ? `  −${number.format(d[2])}` : `   −${number.format(d[2])} ${d[3]}`) : ""),
          }),
        ],
      };
    },

    bars({ rows }, width) {
      const left = margin(rows.map((row) => row[0]), width);
      const known = rows.filter((row) => row[1] !== null);
      const most = Math.max(0, ...known.map((row) => row[1]));
      return {
        width, marginLeft: left, marginRight: 64, height: 10 + 24 * rows.length, marginTop: 2, marginBottom: 4,
        x: { domain: [0, most || 1], axis: null },
        y: { domain: rows.map((row) => row[0]), label: null, tickSize: 0, padding: 0.22, tickFormat: (d) => short(d, fit(left)) },
        marks: [
          Plot.barX(known, { x: "1", y: "0", fill: colour(0) }),
          Plot.text(rows, { x: (d) => d[1] ?? 0, y: "0", dx: 5, textAnchor: "start", text: (d) => (d[1] === null ? "none" : number.format(d[1])) }),
          Plot.ruleX([0]),
        ],
      };
    },

    histogram({ rows, series, options }, width) {
      const parts = rows.flatMap(([from, to, ...counts]) =>
        counts.map((count, at) => ({ from, to, count, at, name: series[at] ?? "tracks" })));
      const name = options.clock ? clock : String;
      return {
        width, height: Math.min(260, 90 + width * 0.3), marginLeft: 48, marginBottom: 36,
        x: { label: options.unit, labelAnchor: "center", labelArrow: "none", tickFormat: name, ticks: options.clock ? rows.map((row) => row[0]).filter((at) => at % 60 === 0) : Math.max(3, Math.floor(width / 70)) },
        y: { label: "tracks", grid: true, tickFormat: scale, labelArrow: "none" },
        marks: [
          options.bands ? Plot.rect([options.bands], { x1: "0", x2: "1", fill: "var(--band)" }) : null,
          Plot.rectY(parts, {
            x1: "from", x2: "to", y: "count", fill: (d) => colour(d.at), inset: 0.5,
            title: (d) => `${name(d.from)} to ${name(d.to)}: ${number.format(d.count)} ${d.name}`, tip: true,
          }),
          options.bands ? Plot.ruleX(options.bands, { stroke: colour(0), strokeDasharray: "3,3" }) : null,
          Plot.ruleY([0]),
        ],
      };
    },

    columns({ rows, options }, width) {
      return {
        width, height: Math.min(260, 90 + width * 0.3), marginLeft: 48, marginBottom: 36,
        x: { domain: rows.map((row) => row[0]), label: options.unit, labelAnchor: "center", labelArrow: "none", tickSize: 0 },
        y: { label: "tracks", grid: true, tickFormat: scale, labelArrow: "none" },
        marks: [Plot.barY(rows, { x: "0", y: "1", fill: colour(0), tip: true, title: (d) => `${d[0]}: ${number.format(d[1])} tracks` }), Plot.ruleY([0])],
      };
    },

    points({ rows, options }, width) {
      return {
        width, height: Math.min(280, 110 + width * 0.25), marginLeft: 48, marginBottom: 32,
        x: { label: null, tickFormat: "d", ticks: Math.max(3, Math.floor(width / 80)) },
        y: { label: "% with features", domain: [Math.min(options.least, ...rows.map((row) => row[1])), 100], nice: true, grid: true, labelArrow: "none" },
        r: { range: [0, width < 560 ? 5 : 9] },
        marks: [
          Plot.ruleY([options.least], { stroke: colour(1), strokeWidth: 1.5, strokeDasharray: "5,3" }),
          Plot.lineY(rows, { x: "0", y: "1", stroke: colour(0), strokeOpacity: 0.5 }),
          Plot.dot(rows, { x: "0", y: "1", r: "2", fill: (d) => colour(d[1] < options.least ? 1 : 0), tip: true, title: (d) => `${d[0]}: ${d[1]} % of ${number.format(d[2])} tracks` }),
        ],
      };
    },

    stacks({ rows, series, options }, width) {
      const days = [...new Set(rows.map((row) => row[0]))];
      const every = Math.ceil(days.length / Math.max(1, Math.floor((width - 60) / 80)));
      return {
        width, height: Math.min(260, 90 + width * 0.3), marginLeft: 48, marginBottom: 36,
        x: { domain: days, label: null, tickSize: 0, ticks: days.filter((_, at) => at % every === 0) },
        y: { label: "calls", grid: true, tickFormat: scale, labelArrow: "none" },
        marks: [
          Plot.barY(rows, { x: "0", y: "3", fill: (d) => colour(series.indexOf(d[1])), order: series, z: "1", tip: true, title: (d) => `${d[0]}: ${number.format(d[3])} calls of ${d[1]} ${d[2]}${d[4] === null ? "" : `, limit ${number.format(d[4])}`}` }),
          Plot.ruleY(options.limits, { y: "2", stroke: "currentColor", strokeWidth: 1.5, strokeDasharray: "5,3" }),
          Plot.text(options.limits, { y: "2", text: (d) => `${d[0]} ${d[1]}: ${number.format(d[2])} a day`, frameAnchor: "right", textAnchor: "end", dy: -6, fill: "currentColor", stroke: "var(--card)", strokeWidth: 3 }),
          Plot.ruleY([0]),
        ],
      };
    },
  };

  // What a pointer shows of each mark the arrow keys show as well, one after the other.
  const steer = (made) => {
    const marks = [...made.querySelectorAll("[aria-label=bar] rect, [aria-label=rect] rect, [aria-label=dot] circle")];
    const told = () => made.querySelector("[aria-label=tip]").textContent;
    const point = (kind, at = {}) =>
      made.dispatchEvent(new PointerEvent(kind, { pointerType: "mouse", ...at }));
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    let at = -1;
    made.tabIndex = 0;
    made.setAttribute("aria-keyshortcuts", "ArrowRight ArrowLeft Escape");
    made.addEventListener("blur", () => point("pointerleave"));
    made.addEventListener("keydown", (event) => {
      if (event.key === "Escape") point("pointerleave");
      const step = steps[event.key];
      if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      const before = told();
      // Several marks may share a tip.
      for (let tries = 0; tries < marks.length; tries++) {
        at = (at < 0 && step < 0 ? 0 : at) + step;
        at = (at + marks.length) % marks.length;
        const box = marks[at].getBoundingClientRect();
        point("pointermove", { clientX: (box.left + box.right) / 2, clientY: (box.top + box.bottom) / 2 });
        if (told() && told() !== before) break;
      }
    });
  };

  const drawn = new Map();
  const paint = (place) => {
    const figure = place.closest("figure");
    const width = Math.floor(figure.clientWidth);
    if (!width || drawn.get(figure) === width) return;
    drawn.set(figure, width);
    const chart = charts[place.dataset.chart];
    const made = Plot.plot({ style: { fontSize: "12px", background: "none", "--plot-background": "var(--card)" }, ...draw[chart.kind](chart, width) });
    made.setAttribute("role", "img");
    made.setAttribute("aria-label", place.getAttribute("aria-label"));
    made.dataset.chart = place.dataset.chart;
    place.replaceWith(made);
    if (made.querySelector("[aria-label=tip]")) steer(made);
  };
  const paintAll = () => document.querySelectorAll("svg[data-chart]").forEach(paint);
  paintAll();
  new ResizeObserver(() => requestAnimationFrame(paintAll)).observe(document.body);
})();
