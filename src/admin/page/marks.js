// A state is a colour and a shape, the same everywhere: whoever cannot tell the colours apart sees the shape.

import { h } from "./dom.js";

// From worst to best.
export const STATES = ["down", "degraded", "maintenance", "draining", "connecting", "up"];

let colours = {};

export function readColours() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  colours = Object.fromEntries([...STATES, "card", "text", "soft", "line", "focus"].map((n) => [n, read(n)]));
  return colours;
}

export const colour = (name) => colours[name];

// Into a square of `size` at x, y.
export function drawMark(c, state, x, y, size) {
  const pad = size > 8 ? Math.max(1, size * 0.1) : 0.5, s = size - 2 * pad, mid = s / 2, line = Math.max(1, s * 0.17);
  c.save();
  c.translate(x + pad, y + pad);
  c.fillStyle = c.strokeStyle = colours[state] ?? colours.connecting;
  c.lineWidth = line;
  c.beginPath();
  if (state === "up") {
    c.rect(0, 0, s, s);
    c.fill();
  } else if (state === "down") { // a cross
    c.lineWidth = Math.max(1.5, s * 0.28);
    c.moveTo(line / 2, line / 2); c.lineTo(s - line / 2, s - line / 2);
    c.moveTo(s - line / 2, line / 2); c.lineTo(line / 2, s - line / 2);
    c.stroke();
  } else if (state === "degraded") { // a triangle
    c.moveTo(mid, 0); c.lineTo(s, s); c.lineTo(0, s); c.closePath();
    c.fill();
  } else if (state === "draining") { // an empty square
    c.rect(line / 2, line / 2, s - line, s - line);
    c.stroke();
  } else if (state === "maintenance") { // an empty diamond
    c.moveTo(mid, line / 2); c.lineTo(s - line / 2, mid); c.lineTo(mid, s - line / 2); c.lineTo(line / 2, mid); c.closePath();
    c.stroke();
  } else { // a dot
    c.arc(mid, mid, Math.max(1, s * 0.25), 0, 7);
    c.fill();
  }
  c.restore();
}

// The same as an element; page.css has its shapes.
export function mark(state) {
  return h("i", { className: "mark", "data-state": state, "aria-hidden": "true" });
}

export function stateWords(state) {
  return h("span", { className: "state", "data-state": state }, state);
}
