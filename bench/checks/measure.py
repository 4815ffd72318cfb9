"""One run of one checker: what it cost in a time in which nothing else happens, and how late its probes were."""

import time

from checkers import PATIENCE
from world import HELPERS, SERVER_CPU, kernel, softirqd

LATE_PATIENCE = 30  # seconds: that long, and not longer, probes are watched for their lateness
STATUS_COST = 4e-6  # seconds of a server in a status, about
LESS = 0.03  # of the checks that were asked for may be missing or too many
EDGE = 0.02  # and so may those of so many seconds: at both ends of the time they are cut in two


def start(checker, world, n, every):
    """Seconds, and those of CPU, until all are known; no more than PATIENCE."""
    began = time.monotonic()
    checker.start(world, n, every)
    while not checker.known() and time.monotonic() < began + PATIENCE:
        pass
    return time.monotonic() - began, checker.checking.cpu()


def baseline(checker, world, every):
    """Bytes of a checking side with one server."""
    start(checker, world, 1, every)
    time.sleep(0.3)
    memory = checker.checking.memory()
    checker.stop()
    return memory


def ranks(before, after):
    """Microseconds [p50, p99, max] of what came between two counts, each the upper bound of its step."""
    counts = [b - a for a, b in zip(before["count"], after["count"])]
    bounds, total, found = [*after["le"], after["le"][-1] * 2], sum(counts), []
    for share in (0.5, 0.99, 1):
        seen = 0
        for bound, count in zip(bounds, counts):
            seen += count
            if count and seen >= share * total:
                found.append(bound)
                break
    return found or None


def by_kernel(checker, world, every, wait):
    """Microseconds [p50, p99, max] by the kernel's time stamps, while wait() waits."""
    if checker.watched is None:
        return checker.late
    watch = world.start("checks-watch", [HELPERS / "checks-watch", *checker.watched, int(every * 1e6)], SERVER_CPU,
                        ready="ready")
    wait()
    seen = watch.report()
    world.end(watch)
    return seen["late_us"] if seen["servers"] else None


def how_late(checker, world, n, every, seconds):
    """By the kernel's time stamps, and where it says that, by its own word."""
    least = max(seconds / 2, 2.5 * every)
    if least > LATE_PATIENCE:
        return {"late_us": None, "own_late_us": None}
    # The status is off: it delays what is due meanwhile.
    late = by_kernel(checker, world, every, lambda: checker.checking.pump(least))
    if not checker.says_lateness():
        return {"late_us": late, "own_late_us": None}
    # Now it is on, but may be a small part of the time.
    least = max(least, min(n * STATUS_COST / 0.005, 20))
    checker.tell_each(least)
    told = [checker.own_lateness(least + PATIENCE) for _ in range(2)]
    return {"late_us": late, "own_late_us": ranks(*told)}


def window(checker, seconds):
    """What both sides, and the kernel, did in that time."""
    before, soft = kernel(), softirqd()
    checker.begin()
    began, cpu, server = time.monotonic(), checker.checking.cpu(), checker.answering.cpu()
    checker.checking.pump(seconds)
    took = time.monotonic() - began
    cpu, server = checker.checking.cpu() - cpu, checker.answering.cpu() - server
    done, after = checker.finish(), kernel()
    counted = {name: after[name] - before[name] for name in after}
    return {"seconds": took, "cpu_s": cpu, "server_cpu_s": server, "done": done, "softirqd_s": softirqd() - soft,
            **counted}


def doubts(checker, n, r):
    """What keeps a row from being what it claims."""
    up, found = checker.up(), checker.doubts()
    share = max(LESS, checker.surplus) if r["done"] > r["asked"] else LESS
    if abs(r["done"] - r["asked"]) > share * r["asked"] + EDGE * r["asked"] / r["seconds"] + 2:
        found.append(f"{r['done'] / r['asked'] * 100:.0f} % of the checks done")
    if up is not None and up != n:
        found.append(f"{n - up} of {n} not up")
    if r["lost"]:
        found.append(f"{r['lost']} datagrams lost")
    return found


def notes(checker, r):
    """What a reader should know besides."""
    found = checker.notes()
    for side, used in (("servers", "server_cpu_s"), ("checking side", "cpu_s")):
        if r[used] > 0.95 * r["seconds"]:
            found.append(f"the CPU of the {side} was full")
    if r["softirqd_s"] > 0.1 * r["cpu_s"]:
        found.append(f"{r['softirqd_s'] / max(r['done'], 1) * 1e6:.1f} us a check are nobody's (ksoftirqd)")
    return found


def one(checker, world, n, every, seconds, base):
    checker.forget(world)
    known, known_cpu = start(checker, world, n, every)
    checker.checking.pump(checker.settled(every) if seconds > 2 else 0.4)
    r = window(checker, max(seconds, every if every <= 10 else 0))
    r["asked"] = n / every * r["seconds"]
    done = max(min(r["done"], r["asked"]), 1)  # more than that is no check more
    memory = checker.checking.memory()
    r["doubts"], r["notes"] = doubts(checker, n, r), notes(checker, r)
    r.update({"row": checker.name, "title": checker.title, "servers": n, "every_s": every,
              "cpu_us": r["cpu_s"] / done * 1e6, "server_us": r["server_cpu_s"] / done * 1e6,
              "packets_check": r["packets"] / done, "bytes_check": r["bytes"] / done,
              "known_s": known, "known_cpu_s": known_cpu, "memory": (memory - base) / n if base is not None else None,
              **how_late(checker, world, n, every, seconds)})
    checker.stop()
    return r
