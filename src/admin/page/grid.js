// The whole fleet on one canvas, a cell a server: no element of the page for each, so that 10,000 cost what three do.

import { $, span } from "./dom.js";
import { colour, drawMark } from "./marks.js";

const GAP = 2;

export class Grid {
  constructor(fleet, search, open) {
    this.fleet = fleet;
    this.search = search;
    this.open = open;
    this.canvas = $("grid");
    this.tip = $("grid-tip");
    this.shown = [];
    this.places = new Map();
    this.cursor = -1;
    new ResizeObserver(() => this.layout()).observe($("grid-box"));
    this.canvas.addEventListener("mousemove", (e) => this.point(this.hit(e)));
    this.canvas.addEventListener("mouseleave", () => this.point(-1));
    this.canvas.addEventListener("click", (e) => this.choose(this.hit(e)));
    this.canvas.addEventListener("keydown", (e) => this.key(e));
    this.canvas.addEventListener("focus", () => this.point(this.cursor < 0 && this.shown.length ? 0 : this.cursor));
    fleet.listen((whole, changed) => this.update(whole, changed));
    search.listen(() => this.layout());
  }

  // As large as they can be in a height that one screen shows.
  layout() {
    const width = this.canvas.parentElement.clientWidth, ratio = window.devicePixelRatio || 1;
    if (width === 0) return;
    this.shown = this.search.all ? this.fleet.list : this.fleet.list.filter((s) => this.search.finds(s));
    this.places = this.shown === this.fleet.list ? null : new Map(this.shown.map((s, i) => [s, i]));
    const n = Math.max(1, this.shown.length), high = Math.min(560, Math.max(180, window.innerHeight * 0.55));
    this.size = Math.max(5, Math.min(30, Math.floor(Math.sqrt((width * high) / n)) - GAP));
    this.columns = Math.max(1, Math.floor((width + GAP) / (this.size + GAP)));
    const rows = Math.ceil(n / this.columns);
    this.canvas.width = Math.floor(width * ratio);
    this.canvas.height = Math.floor((rows * (this.size + GAP)) * ratio);
    this.canvas.style.height = `${rows * (this.size + GAP)}px`;
    this.c = this.canvas.getContext("2d");
    this.c.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.cursor >= this.shown.length) this.cursor = -1;
    for (let i = 0; i < this.shown.length; i++) this.cell(i);
  }

  update(whole, changed) {
    if (whole || !this.c || !this.search.all) {
      this.layout();
      return;
    }
    for (const s of changed) this.cell(this.place(s));
    if (this.cursor >= 0 && changed.has(this.shown[this.cursor])) this.say();
  }

  place(s) {
    return this.places ? (this.places.get(s) ?? -1) : s.at;
  }

  cell(i) {
    if (i < 0 || i >= this.shown.length) return;
    const step = this.size + GAP, x = (i % this.columns) * step, y = Math.floor(i / this.columns) * step, s = this.shown[i];
    this.c.clearRect(x - 1, y - 1, this.size + 2, this.size + 2);
    this.c.globalAlpha = s.old ? 0.45 : 1; // what the process before knew
    drawMark(this.c, s.state, x, y, this.size);
    this.c.globalAlpha = 1;
    if (i === this.cursor) {
      this.c.strokeStyle = colour("text");
      this.c.lineWidth = 1.5;
      this.c.strokeRect(x - 0.25, y - 0.25, this.size + 0.5, this.size + 0.5);
    }
  }

  hit(e) {
    const box = this.canvas.getBoundingClientRect(), step = this.size + GAP;
    const column = Math.floor((e.clientX - box.left) / step), row = Math.floor((e.clientY - box.top) / step);
    const i = row * this.columns + column;
    return column < this.columns && i >= 0 && i < this.shown.length ? i : -1;
  }

  point(i) {
    const before = this.cursor;
    this.cursor = i;
    this.cell(before);
    this.cell(i);
    this.say();
  }

  say() {
    const s = this.shown[this.cursor];
    this.tip.textContent = s
      ? `${s.name}: ${s.state}${s.old ? " (known from before the restart)" : ""} for ${span((this.fleet.now() - s.since) / 1000)}${s.reason ? `: ${s.reason}` : ""}` : "";
  }

  choose(i) {
    if (i >= 0) this.open(this.shown[i].server);
  }

  key(e) {
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns, Home: -Infinity, End: Infinity };
    if (e.key === "Enter" || e.key === " ") this.choose(this.cursor);
    else if (e.key in moves) this.point(Math.max(0, Math.min(this.shown.length - 1, Math.max(0, this.cursor) + moves[e.key])));
    else return;
    e.preventDefault();
  }
}
