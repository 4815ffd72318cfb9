// What of the fleet is to be seen: words and a state.

export class Search {
  constructor() {
    this.words = [];
    this.state = "";
    this.listeners = [];
  }

  listen(f) {
    this.listeners.push(f);
  }

  set(text, state) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.state = state;
    for (const f of this.listeners) f();
  }

  get all() {
    return this.words.length === 0 && this.state === "";
  }

  finds(s) {
    if (this.state && s.state !== this.state) return false;
    if (this.words.length === 0) return true;
    const text = `${s.name} ${s.address} ${s.state} ${s.reason} ${s.tags.join(" ")}`.toLowerCase();
    return this.words.every((w) => text.includes(w));
  }
}
