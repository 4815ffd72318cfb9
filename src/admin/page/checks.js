// The last checks of a server as a timeline, from the words of its evidence: "... checks: 109 ms before: 0.1 ms, 73 ms
// before: missed, ...".

import { h } from "./dom.js";
import { colour } from "./marks.js";

const CHECK = /(\d+(?:\.\d+)?) (ms|s) before: (missed|not sent|no beat|not answered yet|(\d+(?:\.\d+)?) ms)/g;

export function readChecks(evidence) {
  return [...evidence.matchAll(CHECK)].map(([, n, unit, what, rtt]) => ({
    before: Number(n) * (unit === "s" ? 1000 : 1), what: rtt ? "answered" : what, rtt: rtt ? Number(rtt) : null }));
}

export function timeline(evidence) {
  const checks = readChecks(evidence);
  if (checks.length === 0) return null;
  const canvas = h("canvas", { id: "checks", role: "img", "aria-label": checks.map((c) => `${c.before} ms before: ${c.rtt === null ? c.what : `${c.rtt} ms`}`).join(", ") });
  requestAnimationFrame(() => draw(canvas, checks));
  return canvas;
}

// Time runs to the right and ends with the verdict; an answered check is a filled bar, the others are crosses.
function draw(canvas, checks) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = 54, base = 38;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const c = canvas.getContext("2d");
  c.scale(ratio, ratio);
  const longest = Math.max(...checks.map((k) => k.before), 1), most = Math.max(...checks.map((k) => k.rtt ?? 0), 0.1);
  const x = (before) => 10 + (width - 30) * (1 - before / longest);
  c.strokeStyle = colour("line");
  c.beginPath(); c.moveTo(0, base + 0.5); c.lineTo(width, base + 0.5); c.stroke();
  for (const k of checks) {
    if (k.rtt !== null) {
      const high = 6 + 26 * (k.rtt / most);
      c.fillStyle = colour("up");
      c.fillRect(x(k.before) - 3, base - high, 6, high);
    } else {
      c.strokeStyle = colour(k.what === "missed" || k.what === "no beat" ? "down" : "connecting");
      c.lineWidth = 2;
      c.beginPath();
      c.moveTo(x(k.before) - 4, base - 14); c.lineTo(x(k.before) + 4, base - 6);
      c.moveTo(x(k.before) + 4, base - 14); c.lineTo(x(k.before) - 4, base - 6);
      c.stroke();
    }
  }
  c.fillStyle = colour("soft");
  c.font = "11px system-ui, sans-serif";
  c.fillText(`${longest} ms before`, 2, height - 3);
  c.textAlign = "right";
  c.fillText("verdict", width - 2, height - 3);
}
