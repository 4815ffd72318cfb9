// Small helpers for elements and words.  Text from servers only ever becomes a text node: nothing here reads HTML.

export const $ = (id) => document.getElementById(id);

// h("a", {href: "#x"}, "text", element): an element.
export function h(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
    else if (key.startsWith("data-") || key.startsWith("aria-") || key === "role" || key === "for") e.setAttribute(key, value);
    else e[key] = value;
  }
  e.append(...children.filter((c) => c !== null && c !== undefined && c !== ""));
  return e;
}

export function replace(e, ...children) {
  e.replaceChildren(...children);
}

// 83 s as "83 s", 2.5 h as "2 h 30 min".
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 100) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 100) return `${min} min`;
  const hours = Math.floor(min / 60);
  if (hours < 48) return min % 60 ? `${hours} h ${min % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} days`;
}

export function clock(ms) {
  const d = new Date(ms), two = (n) => String(n).padStart(2, "0");
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

export function count(n, one, many = `${one}s`) {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

// Calls f soon, however often it is asked for meanwhile, and not more often than every `apart` ms.
export function calm(f, apart) {
  let waits = false, last = -Infinity;
  return () => {
    if (waits) return;
    waits = true;
    const run = () => { waits = false; last = performance.now(); f(); };
    const left = last + apart - performance.now();
    if (left > 0) setTimeout(() => requestAnimationFrame(run), left);
    else requestAnimationFrame(run);
  };
}
