"""What is measured.  Each function takes the world and options and returns the rows of one table."""

import os
import socket
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from world import AGENTS, BACKENDS, MOST, QHCP, Load, wrk

SERVERS = 4
CPU_GROUPS = Path("/sys/fs/cgroup/cpu")


def proxies(world, n=SERVERS):
    return [world.qhcp(n), world.haproxy(n), world.nginx(n)]


def each(o, function, items):
    """function(item) of each: one after another, or all at once where no figure is judged."""
    if not o.quick:
        return [function(item) for item in items]
    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(function, items))


def row(title, unit, runs, asked):
    """runs: the figures of QHCP, HAProxy and nginx, run by run.  The machine is not the same from one run to the
    next: the ratio to each of the others is the median of those within a run, and the greater one counts."""
    ratio = max(statistics.median(q / other for q, other in zip(runs[0], others)) for others in runs[1:])
    values = [statistics.median(figures) for figures in runs]
    return [title, unit, *[f"{v:.4g}" for v in values], f"{ratio:.2f}", f"{asked:.2f}", "yes" if ratio <= asked else "NO"]


# --- CPU ---------------------------------------------------------------------------------------------------

def cost(proxy, kind, seconds):
    """CPU seconds of the proxy per GB, per 1,000 connections, or per 1,000 requests."""
    before = proxy.cpu()
    if kind == "bulk":
        r = wrk(proxy.bulk, "bulk", seconds=seconds, connections=4)
    else:
        r = wrk(proxy.port, "small", seconds=seconds, connections=64, close=kind == "connections")
    spent = (proxy.cpu() - before) / 1e9
    if r["failed"]:
        raise RuntimeError(f"{proxy.name}, {kind}: {r}")
    return spent / (r["bytes"] / 1e9 if kind == "bulk" else r["requests"] / 1000), r


def cpu(world, o, live):
    kinds = {"bulk": "CPU per GB", "connections": "CPU per 1,000 new connections",
             "requests": "CPU per 1,000 requests, kept alive"}
    all_proxies, costs, rates = proxies(world), {}, {}
    for run in range(o.runs):
        for kind in kinds:
            turn = [all_proxies[(i + run) % len(all_proxies)] for i in range(len(all_proxies))]
            live(f"CPU: {kind}, run {run + 1} of {o.runs}")
            for proxy, (spent, r) in zip(turn, each(o, lambda proxy, k=kind: cost(proxy, k, o.seconds), turn)):
                costs.setdefault((kind, proxy.name), []).append(spent)
                rates.setdefault((kind, proxy.name), []).append(r["bytes" if kind == "bulk" else "requests"] * 1e6 / r["us"])
    names = [p.name for p in all_proxies]
    rows = [row(title, "ms", [[1000 * cost for cost in costs[kind, n]] for n in names], 1.0)
            for kind, title in kinds.items()]
    half = min(statistics.median(rates["requests", n]) for n in names) / 2
    rows += latency(world, o, live, all_proxies, half)
    world.end(*all_proxies)
    return rows


# --- latency -----------------------------------------------------------------------------------------------

def latency(world, o, live, all_proxies, rate):
    """At half of what the slowest of them carries: what each adds to the way without a proxy."""
    pause = 10
    connections = max(4, round(rate * pause / 1000))
    found = {}
    ways = [("direct", BACKENDS), *[(p.name, p.port) for p in all_proxies]]
    for run in range(o.runs):
        turn = [ways[(i + run) % len(ways)] for i in range(len(ways))]
        live(f"latency, run {run + 1} of {o.runs}")
        for (name, _), r in zip(turn, each(o, lambda way: wrk(
                way[1], "small", seconds=o.seconds, connections=connections, pause=pause), turn)):
            found.setdefault(name, []).append(r)
    rows = []
    for share in ("p50", "p99"):
        direct = statistics.median(r[share] for r in found["direct"])
        added = [[max(r[share] - direct, 1) for r in found[p.name]] for p in all_proxies]
        rows.append(row(f"added latency {share} at {rate:.0f} requests/s (direct: {direct:.0f})", "us", added, 1.05))
    return rows


# --- memory ------------------------------------------------------------------------------------------------

def hold(port, n):
    """n connections that say nothing, each through to a server."""
    held = []
    while len(held) < n:
        s = socket.create_connection(("127.0.0.1", port), timeout=10)
        s.setblocking(False)
        held.append(s)
        if len(held) % 500 == 0:
            time.sleep(0.02)
    return held


def established(port):
    """Connections to the servers' ports that are established, as the kernel counts them."""
    out = subprocess.run(["ss", "-Htn", "state", "established", f"dport >= :{BACKENDS} and dport < :{BACKENDS + SERVERS}"],
                         capture_output=True, text=True, check=True).stdout
    return out.count("\n")


def idle(world, o, live):
    values, n = [], min(o.idle, MOST)
    for start in (world.qhcp, world.haproxy, world.nginx):
        proxy = start(SERVERS)
        live(f"memory: {n} idle connections through {proxy.name}")
        for _ in range(0 if o.quick else 2):  # what was once used, and is kept, is not of a connection
            wrk(proxy.port, "small", seconds=1, connections=64)
        if o.quick:  # nothing was sent: those of the proxy before may still be there
            world.until(lambda: established(proxy.port) == 0)
        before, others = proxy.memory(), established(proxy.port)
        held = hold(proxy.port, n)
        world.until(lambda: established(proxy.port) - others >= n, 30)
        values.append((proxy.memory() - before) / n)
        for s in held:
            s.close()
        world.end(proxy)
    ratio = values[0] / values[1]
    return [[f"memory of an idle connection ({n} of them)", "bytes", *[f"{v:.0f}" for v in values], f"{ratio:.2f}",
             "1.00 x HAProxy", "yes" if ratio <= 1 else "NO"]]


# --- under way ---------------------------------------------------------------------------------------------

def drained(world, o, live):
    """A server is drained under load: nothing may fail."""
    proxy = world.qhcp(SERVERS)
    live("drain under load")
    loads = [Load(proxy.port, "small", seconds=2 if o.quick else 4, connections=16, close=True),
             Load(proxy.port, "small", seconds=2 if o.quick else 4, connections=16)]
    time.sleep(0.5 if o.quick else 1)
    subprocess.run([QHCP, "control", "--port", str(AGENTS), "drain"], check=True, capture_output=True,
                   env={**os.environ, "QHCP_STATE_DIR": str(world.dir / "state")})
    proxy.process.wait_event("draining", 5)
    results = [load.result() for load in loads]
    subprocess.run([QHCP, "control", "--port", str(AGENTS), "undrain"], check=True, capture_output=True,
                   env={**os.environ, "QHCP_STATE_DIR": str(world.dir / "state")})
    world.end(proxy)
    failed, requests = sum(r["failed"] for r in results), sum(r["requests"] for r in results)
    return [["a server is drained under load", f"{failed} of {requests} requests failed", "0", "yes" if failed == 0 else "NO"]]


def killed(world, o, live):
    """A server and its agent are killed under load: what was in flight there may fail."""
    proxy = world.qhcp(SERVERS)
    live("kill under load")
    load = Load(proxy.port, "small", seconds=2 if o.quick else 4, connections=32, close=True)
    time.sleep(0.5 if o.quick else 1)
    victims = [c for c in world.children if c.name in ("backend0", "agent0")]
    for victim in victims:
        victim.kill()
    proxy.process.wait_event("down", 5)
    after = wrk(proxy.port, "small", seconds=o.seconds, connections=32, close=True)
    before = load.result()
    world.end(*victims, proxy)
    world.backend(0)
    world.agent(0)
    met = after["failed"] == 0 and before["failed"] <= 32
    return [["a server is killed under load: until the verdict",
             f"{before['failed']} of {before['requests']} requests failed", "in flight there: at most 32", "yes" if met else "NO"],
            ["the same: connections made after the verdict", f"{after['failed']} of {after['requests']} failed", "0",
             "yes" if after["failed"] == 0 else "NO"]]


def replaced(world, o, live):
    """The load balancer is replaced by a new process under load: nothing may fail."""
    proxy = world.qhcp(SERVERS)
    live("replacement under load")
    loads = [Load(proxy.port, "small", seconds=3 if o.quick else 5, connections=16, close=True),
             Load(proxy.port, "small", seconds=3 if o.quick else 5, connections=16)]
    old = [proxy]
    for _ in range(3):
        time.sleep(0.4 if o.quick else 1)
        old.append(world.qhcp(SERVERS, "--take-over", name=f"QHCP {len(old)}", port=proxy.port))
    results = [load.result() for load in loads]
    world.end(*old)
    failed, requests = sum(r["failed"] for r in results), sum(r["requests"] for r in results)
    return [["the load balancer is replaced three times under load", f"{failed} of {requests} requests failed", "0",
             "yes" if failed == 0 else "NO"]]


def flooded(world, o, live):
    """One source connects as often as it can, another ten times a second: the second is to be served."""
    proxy = world.qhcp(SERVERS)
    live("a flood from one source")
    load = Load(proxy.port, "small", seconds=1 if o.quick else 25, connections=64, close=True)
    taken, failed = [], 0
    while load.process.poll() is None:
        begun = time.monotonic()
        try:
            with socket.create_connection(("127.0.0.1", proxy.port), 5, source_address=("127.0.0.8", 0)) as s:
                s.sendall(b"GET /small HTTP/1.0\r\n\r\n")
                failed += not s.recv(100).startswith(b"HTTP/1.1 200")
        except OSError:
            failed += 1
        taken.append(time.monotonic() - begun)
        time.sleep(0.1)
    r = load.result()
    world.end(proxy)
    return [[f"{r['requests']} connections in {r['us'] / 1e6:.0f} s from one source: another one's",
             f"{failed} of {len(taken)} failed, median {statistics.median(taken) * 1000:.1f} ms", "0 failed",
             "yes" if failed == 0 else "NO"]]


# --- one of four is slow -----------------------------------------------------------------------------------

class Group:
    """A part of a processor for a server and its agent, by the kernel's bandwidth control."""

    def __init__(self, name, percent):
        self.path = CPU_GROUPS / f"qhcp-bench-{os.getpid()}-{name}"
        self.path.mkdir()
        (self.path / "cpu.cfs_period_us").write_text("10000")
        (self.path / "cpu.cfs_quota_us").write_text(str(percent * 100))

    def close(self):
        for _ in range(100):
            try:
                self.path.rmdir()
                return
            except OSError:
                time.sleep(0.02)


def slowed(world, o, live):
    """Four servers with a fifth of a processor each; in the group of one a hog takes what it can get."""
    if not CPU_GROUPS.is_dir():
        return [["not measured: this machine has no cgroup v1 hierarchy of cpu", *["-"] * 4]]
    base, groups, started = 100, [], []
    try:
        for i in range(base, base + SERVERS):
            groups.append(Group(i, 20))
            started += [world.backend(i, cgroup=groups[-1].path), world.agent(i, cgroup=groups[-1].path)]
        return compare_slowed(world, o, live, base, groups[-1], started)
    finally:
        world.end(*[c for c in started if c in world.children])
        for group in groups:
            group.close()


def compare_slowed(world, o, live, base, group, started):
    ways = {"QHCP round-robin": lambda: world.qhcp(SERVERS, "--balance", "round-robin", base=base),
            "QHCP least-connections (default)": lambda: world.qhcp(SERVERS, base=base),
            "QHCP peak-ewma": lambda: world.qhcp(SERVERS, "--balance", "peak-ewma", base=base),
            "HAProxy leastconn": lambda: world.haproxy(SERVERS, "leastconn", base=base)}
    if o.quick:
        del ways["QHCP peak-ewma"]
    proxy = ways["QHCP round-robin"]()
    capacity = statistics.median(wrk(proxy.port, "work", seconds=o.seconds, connections=16, close=True, gzip=True)["rate"]
                                 for _ in range(1 if o.quick else 3))
    world.end(proxy)
    hog = world.start("hog", ["sh", "-c", "while :; do :; done"], cgroup=group.path)
    pause = 200
    connections = max(2, round(0.7 * capacity * pause / 1000))
    found = {}
    for run in range(o.runs):
        for i in range(len(ways)):
            name = list(ways)[(i + run) % len(ways)]
            live(f"one of four is slow: {name}, run {run + 1} of {o.runs}")
            proxy = ways[name]()
            found.setdefault(name, []).append(wrk(proxy.port, "work", seconds=1 if o.quick else 2 * o.seconds, connections=connections,
                                                  pause=pause, close=True, gzip=True))
            world.end(proxy)
    world.end(hog)
    at = {name: [statistics.median(r[s] for r in rs) / 1000 for s in ("p50", "p99")] for name, rs in found.items()}
    asked = min(at["QHCP round-robin"][1] / 2, at["HAProxy leastconn"][1])
    return [[name, f"{p50:.1f} ms", f"{p99:.1f} ms", f"{found[name][0]['rate']:.0f}",
             ("yes" if p99 <= asked else "NO") if "default" in name else "-"] for name, (p50, p99) in at.items()]
