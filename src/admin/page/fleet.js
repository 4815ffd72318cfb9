// What the page knows of the fleet: the list once, then what changes.
//
// In: the list of /api/v1/servers and the changes of /api/v1/events.  Out: for each turn of the browser the set of servers
// that are different now, told to whoever listens.

import { calm } from "./dom.js";

const KEPT_EVENTS = 500;
const HOUR = 3600e3;

export class Fleet {
  constructor() {
    this.servers = new Map(); // by identity: {server, name, address, state, since (ms), reason, tags, old, at (its place)}
    this.list = []; // the same, in order
    this.events = []; // newest first
    this.held = 0; // servers that the brake holds
    this.ahead = 0; // ms that the load balancer's clock is ahead of ours
    this.listeners = [];
    this.changed = new Set();
    this.whole = true; // servers came or went
    this.tell = calm(() => this.report(), 0);
  }

  // f(whole, changed): whole: servers came or went; else the set of those that are different.
  listen(f) {
    this.listeners.push(f);
  }

  report() {
    const whole = this.whole, changed = this.changed;
    this.whole = false;
    this.changed = new Set();
    for (const f of this.listeners) f(whole, changed);
  }

  now() {
    return Date.now() + this.ahead;
  }

  load(answer) {
    this.ahead = Date.parse(answer.time) - Date.now();
    this.servers.clear();
    this.list = [];
    for (const s of answer.servers) this.add(s);
    this.whole = true;
    this.tell();
  }

  add(s) {
    const known = { at: this.list.length };
    this.servers.set(s.server, known);
    this.list.push(known);
    this.set(known, s);
  }

  set(known, s) {
    Object.assign(known, { server: s.server, name: s.name, address: s.address, state: s.state, since: Date.parse(s.since),
      reason: s.reason, tags: s.tags ?? [], old: s.old ?? false });
  }

  // One server, as it is now.
  put(s) {
    const known = this.servers.get(s.server);
    if (known) {
      this.set(known, s);
      this.changed.add(known);
    } else {
      this.add(s);
      this.whole = true;
    }
    this.tell();
  }

  remove(server) {
    const s = this.servers.get(server);
    if (!s) return;
    this.servers.delete(server);
    this.list.splice(s.at, 1);
    for (let i = s.at; i < this.list.length; i++) this.list[i].at = i;
    this.whole = true;
  }

  // Events of before, in any order.
  past(events) {
    const old = this.now() - HOUR, all = new Map([...events, ...this.events].filter((e) => e.time >= old).map((e) => [e.key, e]));
    this.events = [...all.values()].sort((a, b) => b.time - a.time).slice(0, KEPT_EVENTS);
    this.tell();
  }

  apply(e) {
    this.events.unshift(e);
    const old = this.now() - HOUR;
    while (this.events.length > KEPT_EVENTS || (this.events.length && this.events.at(-1).time < old)) this.events.pop();
    if (e.kind === "removed") this.remove(e.server);
    const s = this.servers.get(e.server);
    if (s && e.kind === "state") {
      Object.assign(s, { state: e.to, reason: e.to === "up" ? "" : e.reason, old: false });
      if (e.from !== e.to) s.since = e.time;
      this.changed.add(s);
    }
    this.tell();
  }

  counts() {
    const n = {};
    for (const s of this.list) n[s.state] = (n[s.state] ?? 0) + 1;
    return n;
  }
}
