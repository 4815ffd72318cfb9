"""What is measured.  Each function gives the rows of a table; the last column says whether what is asked for is met."""

import signal
import time

from world import CPU, FAST, SERVER, SLOW_LB, Flood, Server, answers, downs

LIMIT_CPU, LIMIT_P99 = 40, 20  # percent, milliseconds
LIMIT_FOUND = 2000  # milliseconds
LIMIT_MEMORY = 10  # MB more than before, some time after a flood
CALM = 25  # seconds: handshakes that were left half-way are given up after 10, memory is looked at every 10

# name, kind, rate, seconds, is the CPU judged?
SERVER_FLOODS = [
    ("nothing", None, 0, 3, True),
    ("short packets that are no connection's", "noise", 50000, 4, True),
    ("the same, aimed at the sessions' socket", "aimed", 50000, 4, True),
    ("garbage that looks like first packets", "garbage", 50000, 4, True),
    ("valid first packets", "initials", 50000, 4, True),
    ("each Retry answered", "honest", 10000, 4, False),
    ("the same, from 1000 addresses", "crowd", 10000, 4, False),
    ("handshakes that end, and no HELLO", "finished", 2000, 4, False),
    ("tokens collected for 6 s, all used at once", "burst", 1800, 6, False),
    ("1000 handshakes left half-way", "honest", 250, 4, False),
]


def rank(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1000 if ordered else float("inf")


def one_server_flood(world, server, lbs, asker, row, quick):
    name, kind, rate, seconds, judged = row
    seconds = min(seconds, 2) if quick and kind != "burst" else seconds
    before, cpu, began = server.memory(), server.cpu(), time.monotonic()
    at, lines = len(asker.lines), [len(lb.lines) for lb in lbs]
    flood = Flood(kind, SERVER, rate, seconds) if kind else None
    most, checks = before, []
    while time.monotonic() < began + seconds + (kind == "burst"):
        checks.append(world.check())
        most = max(most, server.memory())
        time.sleep(0.2)
    took = time.monotonic() - began
    used = (server.cpu() - cpu) / 1e7 / took
    sent = flood.result() if flood else {"sent": 0, "kept": 0}
    took_answers = answers(asker, at)
    p50, p99 = rank(took_answers, 0.5), rank(took_answers, 0.99)
    after = server.memory()
    while kind in ("crowd", "finished", "burst") and not quick and after > before + LIMIT_MEMORY and time.monotonic() < began + CALM + took:
        time.sleep(0.2)
        after = server.memory()
    down = [downs(lb, line) for lb, line in zip(lbs, lines)]
    refused = sum(ms is None for ms in checks)
    checks = sorted(ms for ms in checks if ms is not None) or [float("inf")]
    met = p99 < LIMIT_P99 and not any(down) and (used < LIMIT_CPU or not judged) and \
        (kind not in ("crowd", "finished", "burst") or quick or after < before + LIMIT_MEMORY)
    return [name, f"{(sent['sent'] - sent['kept']) / seconds:.0f}", f"{used:.0f} %", p50, p99,
            f"{len(took_answers)}", checks[len(checks) // 2], f"{refused}", f"{before:.0f}, {most:.0f}, {after:.0f} MB",
            f"{down[0]}, {down[1]}", "yes" if met else "NO"]


def server(world, o, live):
    rows = []
    for row in SERVER_FLOODS:
        if o.floods and row[1] not in o.floods:
            continue
        live(row[0])
        # Each begins with processes of its own, so that none pays for the one before it.
        s = Server(world)
        lbs = [world.lb("fast", FAST, "100ms"), world.lb("slow", SLOW_LB, "1s")]
        asker = world.asker()
        rows.append(one_server_flood(world, s, lbs, asker, row, o.quick))
        world.end(asker, *lbs, s.process)
    return rows


def found(world, o, kind):
    """Milliseconds until a server that stands still is found, while the load balancer's own port is flooded."""
    s = Server(world)
    lb = world.lb("fast", FAST, "100ms")
    # On one CPU with the flood, so that its receive buffers do run full.
    flood = Flood(kind, FAST, 50000, 30, cpu=CPU) if kind else None
    time.sleep(1 if kind else 0.2)  # its beginning is not what is measured
    at = len(lb.lines)
    early = downs(lb, 0)
    s.process.send(signal.SIGSTOP)
    began = time.monotonic()
    lb.wait_event("down", 25, since=at)
    ms = (time.monotonic() - began) * 1000
    s.process.send(signal.SIGCONT)
    if flood:
        flood.popen.kill()
        flood.popen.communicate()
    world.end(lb, s.process)
    return ms, early


def lb(world, o, live):
    rows = []
    for name, kind in (("nothing", None), ("short packets, 50000/s", "noise"), ("long packets, 50000/s", "garbage")):
        live(name)
        results = [found(world, o, kind) for _ in range(1 if o.quick else 3)]
        worst, early = max(ms for ms, _ in results), sum(e for _, e in results)
        rows.append([name, worst, f"{early}", "yes" if worst < LIMIT_FOUND and not early else "NO"])
    return rows


def restarted(world, kind):
    """Milliseconds from a server's start to "up", after a restart, while somebody forges the load balancer's address."""
    s = Server(world)
    lb = world.lb("fast", FAST, "100ms")
    flood = Flood(kind, SERVER, 10000, 30, f"127.0.0.1:{FAST}") if kind else None
    time.sleep(0.5 if kind else 0.1)
    at = len(lb.lines)
    s.process.kill()
    world.end(s.process)
    lb.wait_event("down", 10, since=at)
    s = Server(world, name="again")
    began = time.monotonic()
    lb.wait_event("up", 40, since=at)
    ms = (time.monotonic() - began) * 1000
    if flood:
        flood.popen.kill()
        flood.popen.communicate()
    world.end(lb, s.process)
    return ms


def restart(world, o, live):
    rows = []
    for name, kind in (("nobody", None), ("10000/s", "forged")):
        live(name)
        worst = max(restarted(world, kind) for _ in range(1 if o.quick else 3))
        rows.append([name, worst, "yes" if worst < 500 else "NO"])
    return rows
