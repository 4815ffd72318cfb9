// From the load balancer to the fleet: the list, then the stream of changes, and both again whenever it breaks.
//
// EventSource cannot send a token, so the stream is read by fetch.  The load balancer sends a comment at least every 15 s:
// silence for longer is a dead connection.

export const token = {
  get: () => sessionStorage.getItem("qhcp-token") ?? "",
  set: (value) => (value ? sessionStorage.setItem("qhcp-token", value) : sessionStorage.removeItem("qhcp-token")),
};

export async function call(path, options = {}) {
  const headers = { ...options.headers }, sent = token.get();
  if (sent) headers.Authorization = `Bearer ${sent}`;
  const answer = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit", redirect: "error" });
  if (answer.ok) return answer;
  let words = `${answer.status} ${answer.statusText}`;
  try {
    words = (await answer.json()).error.message;
  } catch { /* it was no JSON */ }
  const error = Object.assign(new Error(words), { status: answer.status });
  if (answer.status !== 401 || !sent) throw error;
  if (token.get() === sent) token.set("");
  if (options.method) throw error;
  return call(path, options).catch((e) => { throw e.status === 401 ? error : e; }); // one may read without it on this machine
}

export const get = async (path, signal) => (await call(path, { signal })).json();

// Calls take(event, id, data) for each event of a text/event-stream, until it ends.
export async function readEvents(body, take, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "", event = "", id = "", data = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const colon = line.indexOf(":"), field = colon < 0 ? line : line.slice(0, colon), v = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (line === "") {
        if (data) take(event || "message", id, data);
        event = data = "";
      } else if (field === "event") event = v;
      else if (field === "id") id = v;
      else if (field === "data") data += data ? `\n${v}` : v;
    }
  }
}

const SILENCE = 35e3;

export class Stream {
  constructor(fleet, said) {
    this.fleet = fleet;
    this.again = () => {}; // at once
    this.said = said; // said(true, "") while it is connected, said(false, words, status)
  }

  async run() {
    for (let wait = 250; ; wait = Math.min(wait * 2, 8000)) {
      try {
        await this.once(() => { wait = 250; });
        this.said(false, "the load balancer has closed the stream");
      } catch (e) {
        if (e.again) continue;
        this.said(false, e.status ? e.message : "the load balancer does not answer", e.status);
      }
      await new Promise((go) => {
        this.again = go;
        setTimeout(go, wait * (0.75 + Math.random() / 2));
      });
    }
  }

  // The history knows what was before a restart; without one there is the log of the process.
  async past() {
    const answer = await get("/api/v1/history?since=1h&limit=500").catch(() => get("/api/v1/events?limit=500")).catch(() => ({ events: [] }));
    this.fleet.past(answer.events.map(shape));
  }

  async look(server) {
    try {
      this.fleet.put(await get(`/api/v1/servers/${encodeURIComponent(server)}`));
    } catch { /* it is gone again, and the next event says so */ }
  }

  async once(good) {
    const list = await get("/api/v1/servers?fields=server,name,address,state,since,reason,tags");
    this.fleet.load(list);
    await this.past();
    const stop = new AbortController();
    let timer;
    const alive = () => { clearTimeout(timer); timer = setTimeout(() => stop.abort(), SILENCE); };
    alive();
    try {
      const answer = await call("/api/v1/events", { signal: stop.signal, headers: { Accept: "text/event-stream", "Last-Event-ID": String(list.seq) } });
      this.said(true, "");
      good();
      await readEvents(answer.body, (event, id, data) => {
        if (event === "missed" || event === "resync") throw Object.assign(new Error("behind"), { again: true });
        const e = shape(JSON.parse(data));
        this.fleet.apply(e);
        if (e.kind === "added" || e.kind === "intent") this.look(e.server); // the event has not all of it
      }, alive);
    } finally {
      clearTimeout(timer);
      stop.abort();
    }
  }
}

// An event as the page keeps it.
function shape(e) {
  const time = Date.parse(e.time);
  return { ...e, time, key: `${time} ${e.kind} ${e.server ?? ""} ${e.to ?? ""}` };
}
