// Where connections go: the servers with most of them, while somebody looks at this part of the page.

import { $, count, h, replace } from "./dom.js";
import { get } from "./stream.js";

const ROWS = 20;

export class Traffic {
  constructor(fleet) {
    this.fleet = fleet;
    this.before = new Map();
    this.seen = false;
    new IntersectionObserver(([e]) => { this.seen = e.isIntersecting; if (this.seen) this.look(); }).observe($("traffic"));
    this.later();
  }

  // 10,000 servers are a large answer: the more there are, the more seldom.
  later() {
    setTimeout(() => this.look().finally(() => this.later()), this.fleet.list.length > 1000 ? 10000 : 2000);
  }

  async look() {
    if (!this.seen || document.hidden) return;
    try {
      const { time, servers } = await get("/api/v1/servers?fields=server,name,forward");
      this.show(Date.parse(time), servers.filter((s) => s.forward));
    } catch { /* the stream says that nobody answers */ }
  }

  show(now, servers) {
    const seconds = (now - this.at) / 1000;
    const rows = servers.map((s) => {
      const before = this.before.get(s.server);
      return { s, n: s.forward.in_flight, rate: before !== undefined && seconds > 0 ? Math.max(0, s.forward.connects - before) / seconds : null };
    });
    this.at = now;
    this.before = new Map(servers.map((s) => [s.server, s.forward.connects]));
    rows.sort((a, b) => (b.rate ?? 0) - (a.rate ?? 0) || b.n - a.n);
    const most = Math.max(...rows.map((r) => r.rate ?? 0), 1e-9);
    const idle = rows.every((r) => !r.rate && r.n === 0);
    $("traffic").hidden = servers.length === 0;
    replace($("traffic-rows"), ...(idle ? [h("li", { className: "none" }, "No connection goes through this load balancer now.")] : rows.slice(0, ROWS).map((r) => {
      const bar = h("i");
      bar.style.width = `${(100 * (r.rate ?? 0)) / most}%`;
      return h("li", {}, h("a", { href: `#/server/${encodeURIComponent(r.s.server)}` }, r.s.name), h("div", { className: "bar" }, bar),
        h("span", { className: "n" }, `${r.rate === null ? "" : `${r.rate.toFixed(1)}/s, `}${count(r.n, "open", "open")}`));
    })));
    $("traffic-more").hidden = idle || rows.length <= ROWS;
    $("traffic-more").textContent = `... and ${(rows.length - ROWS).toLocaleString("en")} more`;
  }
}
