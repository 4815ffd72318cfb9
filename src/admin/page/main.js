// The page: puts its parts together.  The address after # says what is open, so that a link leads to a server.

import { $, calm, h, replace } from "./dom.js";
import { Fleet } from "./fleet.js";
import { Grid } from "./grid.js";
import { Lists } from "./lists.js";
import { STATES, mark, readColours } from "./marks.js";
import { Search } from "./search.js";
import { Server } from "./server.js";
import { Stream, get, token } from "./stream.js";
import { Traffic } from "./traffic.js";

const fleet = new Fleet(), search = new Search();

function paint(theme) {
  document.documentElement.dataset.theme = theme;
  readColours();
}

const dark = matchMedia("(prefers-color-scheme: dark)");
paint(localStorage.getItem("qhcp-theme") ?? (dark.matches ? "dark" : "light"));

const open = (name) => { location.hash = `#/server/${encodeURIComponent(name)}`; };
const server = new Server(fleet, () => { history.replaceState(null, "", location.pathname); $("grid").focus(); });
const grid = new Grid(fleet, search, open);
const lists = new Lists(fleet, search);
new Traffic(fleet);

function repaint(theme) {
  paint(theme);
  grid.layout();
  lists.draw();
  counts();
}

$("theme").addEventListener("click", () => {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("qhcp-theme", theme);
  repaint(theme);
});
dark.addEventListener("change", () => localStorage.getItem("qhcp-theme") ?? repaint(dark.matches ? "dark" : "light"));

// ---- the head ----

let state = "";

const counts = calm(() => {
  const n = fleet.counts();
  replace($("counts"), ...STATES.filter((s) => n[s] || s === "up" || s === state).map((s) => h("button",
    { type: "button", "aria-pressed": String(state === s), onclick: () => { state = state === s ? "" : s; look(); } }, mark(s), ` ${(n[s] ?? 0).toLocaleString("en")} ${s}`)));
  document.title = n.down ? `(${n.down} down) QHCP` : "QHCP";
}, 250);

function look() {
  search.set($("search").value, state);
  counts();
}

fleet.listen(counts);
$("search").addEventListener("input", look);

let connected = false, trouble = "connecting";

function health(well, words) {
  $("health").dataset.state = well === null ? "" : well ? "well" : "bad";
  $("health").textContent = words;
}

async function self() {
  if (!connected) {
    health(trouble === "connecting" ? null : false, trouble);
    return;
  }
  try {
    const s = await get("/api/v1/self");
    const panic = s.panic ? "panic: too few servers are healthy" : "";
    if (fleet.held !== s.held) {
      fleet.held = s.held;
      fleet.tell();
    }
    $("lb").textContent = `QHCP ${s.id ?? ""}`;
    health(s.status === "ok" && !panic, panic || (s.status === "ok" ? "this load balancer is well" : `${s.status}: ${s.reason}`));
  } catch (e) {
    health(false, e.message);
  }
}

setInterval(() => { if (!document.hidden) self(); }, 2000);

let newest;

fleet.listen(() => { // what the brake does is seen at once
  if (fleet.events[0] !== newest && fleet.events[0]?.kind === "brake") self();
  newest = fleet.events[0];
});

// ---- where we are ----

// What is not encoded as it should be is taken as it stands.
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function route() {
  const [, name] = location.hash.match(/^#\/server\/(.+)$/) ?? [];
  if (name) server.open(decode(name));
  else server.close();
}

addEventListener("hashchange", route);
addEventListener("keydown", (e) => {
  if (e.key === "Escape") server.close();
  else if (e.key === "/" && !(e.target instanceof HTMLInputElement)) {
    e.preventDefault();
    $("search").focus();
  }
});

const stream = new Stream(fleet, (on, words, status) => {
  connected = on;
  trouble = words;
  $("ask").hidden = status !== 401; // off this machine reading needs one, too
  self();
});
$("ask").addEventListener("submit", (e) => e.preventDefault());
$("token").addEventListener("change", () => {
  token.set($("token").value.trim());
  stream.again();
});
stream.run();
route();
