// CPU, memory, round trip and connections of one server over time: what the history has, and what is seen while one looks.
//
// The curves are drawn by dygraphs, which are not loaded before somebody opens a server.

import { clock, h } from "./dom.js";
import { colour } from "./marks.js";

export const SPANS = [["15 min", 15 * 60], ["24 h", 24 * 3600]];

const CHARTS = [
  { title: "CPU and memory, %", labels: ["CPU", "memory"], colours: ["down", "draining"], of: (p) => [p.cpu, p.memory], range: [0, 104] },
  { title: "Round trip, ms", labels: ["round trip"], colours: ["up"], of: (p) => [p.rtt] },
  { title: "Connections", labels: ["in flight"], colours: ["maintenance"], of: (p) => [p.in_flight] },
];

// The name of each curve in its colour, where there are several.
function legend(c) {
  return (label, i) => {
    const name = h("span", {}, ` — ${label}`);
    name.style.color = colour(c.colours[i]);
    return c.labels.length > 1 ? [name] : [];
  };
}

const number = (v) => (v >= 1000 ? `${Math.round(v / 100) / 10}k` : String(Math.round(v * 100) / 100));

let loading = null;

function dygraphs() {
  loading ??= new Promise((done, failed) => {
    const ready = () => {
      const { Dygraph } = window; // its legend writes styles into elements, which the page's policy forbids
      Dygraph.PLUGINS = Dygraph.PLUGINS.filter((p) => p !== Dygraph.Plugins.Legend);
      done(Dygraph);
    };
    const script = h("script", { src: "/page/dygraph.js", onload: ready, onerror: () => failed(new Error("no dygraphs")) });
    document.head.append(script);
  });
  return loading;
}

export class Charts {
  constructor() {
    this.boxes = CHARTS.map((c) => h("div", { className: "chart", title: c.title }));
    this.element = h("div", {}, ...CHARTS.flatMap((c, i) => [h("h3", {}, c.title, ...c.labels.flatMap(legend(c))), this.boxes[i]]));
    this.graphs = [];
    this.points = []; // {time (Date), cpu, memory, rtt, in_flight}; null where it is not known
  }

  window() {
    const now = this.points.length ? this.points.at(-1).time.getTime() : Date.now();
    return [now - this.seconds * 1000, now];
  }

  // points: the past, oldest first, of so many seconds.
  async show(points, seconds) {
    this.points = points;
    this.seconds = seconds;
    const Dygraph = await dygraphs();
    for (const g of this.graphs) g.destroy();
    this.graphs = CHARTS.map((c, i) => new Dygraph(this.boxes[i], this.rows(c), {
      labels: ["time", ...c.labels], colors: c.colours.map(colour), valueRange: c.range ?? [0, null], includeZero: true,
      axisLineColor: colour("line"), gridLineColor: colour("line"), axisLabelWidth: 44, strokeWidth: 1.6, connectSeparatedPoints: false,
      drawPoints: points.length < 3, pointSize: 2, highlightCircleSize: 3, dateWindow: this.window(),
      axes: { x: { axisLabelFormatter: (d) => clock(d).slice(0, 5), pixelsPerLabel: 60 }, y: { axisLabelFormatter: number, pixelsPerLabel: 30 } },
    }));
  }

  // One more, just seen; those that are too old go.
  add(point) {
    if (this.graphs.length === 0) return;
    this.points.push(point);
    while (this.points[0].time < point.time - this.seconds * 1000) this.points.shift();
    this.graphs.forEach((g, i) => g.updateOptions({ file: this.rows(CHARTS[i]), drawPoints: this.points.length < 3, dateWindow: this.window() }));
  }

  rows(c) {
    const rows = this.points.map((p) => [p.time, ...c.of(p).map((v) => (Number.isFinite(v) ? v : null))]);
    return rows.length ? rows : [[new Date(), ...c.labels.map(() => null)]];
  }

  destroy() {
    for (const g of this.graphs) g.destroy();
    this.graphs = [];
  }
}
