// One server, beside the fleet: its three truths, the evidence, its curves, its events, and what one may do with it.

import { $, clock, count, h, replace, span } from "./dom.js";
import { Charts, SPANS } from "./charts.js";
import { mark, stateWords } from "./marks.js";
import { call, get, token } from "./stream.js";
import { timeline } from "./checks.js";

const path = (name, more = "") => `/api/v1/servers/${encodeURIComponent(name)}${more}`;
const percent = (v) => (v === undefined || v === null ? "unknown" : `${v.toFixed(1)} %`);

export class Server {
  constructor(fleet, closed) {
    this.fleet = fleet;
    this.closed = closed;
    this.box = $("server");
    this.name = null;
    fleet.listen((whole, changed) => {
      if (this.name && (whole || [...changed].some((s) => s.name === this.name))) this.refresh();
    });
  }

  open(name) {
    if (this.name === name) return;
    this.close(false);
    this.name = name;
    this.seconds = SPANS[0][1];
    this.stop = new AbortController();
    this.charts = new Charts();
    this.head = h("div");
    this.said = h("p", { className: "said", role: "status" });
    this.history = h("ol", { className: "rows" });
    replace(this.box, this.head, this.actions(), this.said, this.spans(), this.charts.element, h("h3", {}, "Events"), this.history);
    this.box.hidden = false;
    this.box.focus();
    this.refresh();
    this.past();
    this.timer = setInterval(() => this.refresh(true), 1000);
  }

  close(tell = true) {
    if (!this.name) return;
    this.name = null;
    this.stop.abort();
    clearInterval(this.timer);
    this.charts.destroy();
    this.box.hidden = true;
    if (tell) this.closed();
  }

  async refresh(point = false) {
    if (document.hidden) return;
    const name = this.name;
    try {
      const s = await get(path(name), this.stop.signal);
      if (this.name !== name) return;
      this.show(s);
      if (point) this.charts.add(live(s, this.fleet.now()));
    } catch (e) {
      if (this.name === name && e.name !== "AbortError") this.tell(e.status === 404 ? `${name} is no longer watched.` : e.message, true);
    }
  }

  tell(words, bad = false) {
    this.said.textContent = words;
    this.said.className = bad ? "said bad" : "said";
  }

  show(s) {
    const v = s.verdict ?? {}, r = s.report ?? {}, i = s.intent ?? {}, m = r.metrics ?? {}, f = s.forward;
    const age = (at) => (at ? `${span((this.fleet.now() - Date.parse(at)) / 1000)} ago` : "never");
    const wants = { in_use: "in use", drain: "drain", maintenance: "maintenance" }[i.use] ?? i.use;
    const facts = [["Address", s.remote && s.remote !== s.address ? `${s.address} (${s.remote})` : s.address], ["Calls itself", s.server_id], ["Tags", (s.tags ?? []).join(", ")],
      ["CPU, memory", `${percent(m.cpu_usage_percent)}, ${percent(m.memory_usage_percent)}`], ["Round trip", v.rtt_us ? `${(v.rtt_us / 1000).toFixed(2)} ms` : "unknown"],
      ["Checks", `${count(v.checks_ok ?? 0, "answer")} to ${count(v.checks_sent ?? 0, "check")}, ${count(v.fails ?? 0, "miss", "misses")} in a row`],
      ["Traffic", f ? `${count(f.in_flight ?? 0, "connection")} in flight, ${(s.share / 10).toFixed(0)} % of its weight` : `${(s.share / 10).toFixed(0)} % of its weight`],
      ["Certificate", v.certificate_expires ? `until ${v.certificate_expires.slice(0, 10)}` : ""], ["To do", s.notice]];
    replace(this.head,
      h("h2", { id: "server-title" }, mark(s.state), s.name, h("button", { className: "close", type: "button", "aria-label": "Close", onclick: () => this.close() }, "✕")),
      h("p", {}, stateWords(s.state), ` for ${span((this.fleet.now() - Date.parse(s.since)) / 1000)}`, s.reason ? `: ${s.reason}` : ""),
      h("div", { className: "three" },
        h("div", {}, h("b", {}, "Its operator wants"), `${wants}${i.reason ? `: ${i.reason}` : ""}`, i.who ? h("div", { className: "said" }, `by ${i.who}`) : "",
          i.until ? h("div", { className: "said" }, `until ${clock(Date.parse(i.until))}`) : ""),
        h("div", {}, h("b", {}, "Its agent says"), r.status ?? "nothing", h("div", { className: "said" }, age(r.at))),
        h("div", {}, h("b", {}, "We found"), v.state ?? "", h("div", { className: "said" }, v.cause && v.cause !== "none" ? v.cause : ""))),
      h("dl", {}, ...facts.filter(([, value]) => value).flatMap(([key, value]) => [h("dt", {}, key), h("dd", {}, value)])),
      ...(r.checks ?? []).map((c) => h("p", {}, mark(c.status === "serving" ? "up" : c.status === "degraded" ? "degraded" : "down"), ` check ${c.name}: ${c.status}${c.reason ? `: ${c.reason}` : ""}`)),
      v.evidence ? h("h3", {}, "Evidence of its last failure") : "", v.evidence ? timeline(v.evidence) : "", v.evidence ? h("p", {}, v.evidence) : "");
  }

  // ---- what was before ----

  spans() {
    const buttons = SPANS.map(([words, seconds]) => h("button", { type: "button", "aria-pressed": String(seconds === this.seconds), onclick: () => {
      this.seconds = seconds;
      for (const b of buttons) b.setAttribute("aria-pressed", String(b.textContent === words));
      this.past();
    } }, words));
    return h("p", { className: "spans" }, ...buttons);
  }

  async past() {
    const name = this.name, since = Math.floor(this.seconds / 60);
    const ask = (what) => get(path(name, what), this.stop.signal).catch(() => null); // without history there is the present
    const [samples, events] = await Promise.all([ask(`/samples?since=${since}m`), ask("/history?since=24h&limit=50")]);
    if (this.name !== name) return;
    await this.charts.show((samples?.samples ?? []).map(stored), this.seconds);
    const rows = (events?.events.reverse() ?? this.fleet.events.filter((e) => e.server === name)).slice(0, 50);
    replace(this.history, ...(rows.length ? rows.map(eventRow) : [h("li", { className: "none" }, h("span"), h("span", {}, "None is known."))]));
  }

  // ---- what one may do ----

  actions() {
    const reason = h("input", { placeholder: "reason", "aria-label": "Reason", maxLength: 200 });
    const lasts = h("input", { placeholder: "for: 2h", "aria-label": "For how long", className: "short" });
    const key = h("input", { type: "password", placeholder: "token", "aria-label": "Token of qhcp keys token --scope admin", value: token.get(), autocomplete: "off" });
    const button = (words, verb, body) => h("button", { type: "button", onclick: () => {
      token.set(key.value.trim());
      this.act(verb, body());
    } }, words);
    const why = () => ({ ...(reason.value ? { reason: reason.value } : {}) });
    return h("form", { className: "actions", onsubmit: (e) => e.preventDefault() }, button("Drain", "drain", why), button("Maintenance", "maintenance", () => ({ ...why(), ...(lasts.value ? { for: lasts.value } : {}) })),
      button("Back in use", "undrain", () => ({})), reason, lasts, key);
  }

  async act(verb, body) {
    try {
      await call(path(this.name, `/${verb}`), { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
      this.tell(`${verb}: done`);
      this.refresh();
    } catch (e) {
      this.tell(e.status === 401 ? `${e.message}. Make one with: qhcp keys token --scope admin --for 8h` : e.message, true);
    }
  }
}

function eventRow(e) {
  const at = typeof e.time === "number" ? e.time : Date.parse(e.time), moved = e.from && e.to && e.from !== e.to;
  return h("li", {}, mark(e.kind === "state" ? e.to : ""), h("span", {}, ...(moved ? [`${e.from} → `, e.kind === "state" ? stateWords(e.to) : e.to] : [e.kind])),
    h("time", { title: new Date(at).toLocaleString() }, clock(at)), h("span", { className: "why" }, [e.reason, e.who ? `by ${e.who}` : ""].filter(Boolean).join(" ")));
}

function live(s, now) {
  const m = s.report?.metrics ?? {};
  return { time: new Date(now), cpu: m.cpu_usage_percent, memory: m.memory_usage_percent, rtt: s.verdict?.rtt_us ? s.verdict.rtt_us / 1000 : null, in_flight: s.forward?.in_flight };
}

function stored(p) {
  return { time: new Date(p.time), cpu: p.cpu_usage_percent, memory: p.memory_usage_percent, rtt: p.rtt_us ? p.rtt_us / 1000 : null, in_flight: p.connections };
}
