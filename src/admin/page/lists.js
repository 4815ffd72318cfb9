// What is not well, and what changed in the last hour: the first things to see, each with its reason.

import { $, calm, clock, count, h, span } from "./dom.js";
import { STATES, mark, stateWords } from "./marks.js";

const RANK = Object.fromEntries(STATES.map((s, i) => [s, i]));
const KINDS = { added: "is watched from now on", removed: "is no longer watched", session: "new session", notice: "to do", config: "configuration" };
const ROWS = 50; // elements of the page; the rest is a number

// What an operator did, in the words of qhcp history (src/history/history_table.c).
function intent(e) {
  if (e.from === e.to) return "given another weight";
  if (e.to === "drain") return "drained";
  if (e.to === "maintenance") return "put into maintenance";
  return e.from === "maintenance" ? "taken out of maintenance" : "undrained";
}

const link = (server, name) => h("a", { href: `#/server/${encodeURIComponent(server)}`, title: name }, name);

function row(state, server, name, when, ...why) {
  return h("li", {}, mark(state), server ? link(server, name) : h("b", {}, name), when, h("span", { className: "why" }, ...why));
}

function more(id, n, words) {
  $(id).hidden = n <= 0;
  $(id).textContent = n > 0 ? `... and ${n.toLocaleString("en")} more${words}` : "";
}

// Rows that are as they were stay the elements that they are.
class Rows {
  constructor(id) {
    this.box = $(id);
    this.known = new Map();
  }

  // items: [key, make]: a row with the same key is the same row.
  show(items, none) {
    const rows = new Map(items.map(([key, make]) => [key, this.known.get(key) ?? make()]));
    this.known = rows;
    const wanted = rows.size ? [...rows.values()] : [h("li", { className: "none" }, h("span"), h("span", {}, none))];
    wanted.forEach((e, i) => { if (this.box.children[i] !== e) this.box.insertBefore(e, this.box.children[i] ?? null); });
    while (this.box.children.length > wanted.length) this.box.lastChild.remove();
  }
}

export class Lists {
  constructor(fleet, search) {
    this.fleet = fleet;
    this.search = search;
    this.badRows = new Rows("bad-rows");
    this.newsRows = new Rows("news-rows");
    this.draw = calm(() => { this.bad(); this.news(); }, 500);
    fleet.listen(this.draw);
    search.listen(this.draw);
    setInterval(() => this.ages(), 1000);
  }

  bad() {
    const bad = this.fleet.list.filter((s) => s.state !== "up" && this.search.finds(s));
    bad.sort((a, b) => RANK[a.state] - RANK[b.state] || b.since - a.since);
    const held = this.fleet.held, rows = bad.slice(0, ROWS).map((s) => [`${s.server} ${s.name} ${s.state} ${s.since} ${s.reason} ${s.old}`, () => {
      const age = h("span", { className: "age" }, this.age(s.since));
      age.since = s.since;
      return row(s.state, s.server, s.name, age, stateWords(s.state), s.old ? " (known from before the restart)" : "", s.reason ? `: ${s.reason}` : "");
    }]);
    if (held > 0) rows.unshift([`held ${held}`, () => row("down", "", `The brake HOLDS ${count(held, "server")}`, "", ": silent, and not called down yet (--brake)")]);
    this.badRows.show(rows, this.fleet.list.length === 0 ? "No server is watched." : this.search.all ? "All servers are well." : "Of those that you search, all are well.");
    $("bad-title").textContent = bad.length || held ? `Not well: ${count(bad.length + held, "server")}` : "Not well: none";
    more("bad-more", bad.length - ROWS, " that are not well");
  }

  news() {
    const all = this.search.all ? this.fleet.events : this.fleet.events.filter((e) => {
      const s = this.fleet.servers.get(e.server);
      return s && this.search.finds(s);
    });
    this.newsRows.show(all.slice(0, ROWS).map((e) => [e.key, () => row(e.kind === "state" ? e.to : "", e.server, e.name || e.server || "the load balancer",
      h("time", { title: new Date(e.time).toLocaleString() }, clock(e.time)), ...this.words(e))]), "Nothing has changed.");
    more("news-more", all.length - ROWS, " before");
  }

  words(e) {
    const who = e.who ? ` (by ${e.who})` : "";
    if (e.kind === "intent") return [intent(e), e.reason ? `: ${e.reason}` : "", who];
    if (e.kind === "brake") return [e.to === "off" ? "the brake holds no server any more" : "the brake HOLDS servers", e.reason ? `: ${e.reason}` : ""];
    if (e.kind === "panic") return [`${e.to === "healthy" ? "the panic is over" : "PANIC: too few servers are healthy"}`];
    if (e.kind === "state" && e.from !== e.to) return [`${e.from} → `, stateWords(e.to), e.reason ? `: ${e.reason}` : "", who];
    return [e.kind === "state" ? e.reason : `${KINDS[e.kind] ?? e.kind}${e.reason ? `: ${e.reason}` : ""}`, who];
  }

  age(since) {
    return span((this.fleet.now() - since) / 1000);
  }

  ages() {
    for (const e of document.querySelectorAll("#bad-rows .age")) {
      const words = this.age(e.since);
      if (e.textContent !== words) e.textContent = words;
    }
  }
}
