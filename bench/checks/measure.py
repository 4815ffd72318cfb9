"""One run of one checker: what it cost in a time in which nothing else happens, and how late its probes were."""

import time

from checkers import PATIENCE
from world import CHECK_CPU, HELPERS, SERVER_CPU, idle, kernel, softirqd

LATE_PATIENCE = 30  # seconds: that long, and not longer, probes are watched for their lateness
OWN_LATE = 10  # the same of its own word, which is of all servers
FRESH = 2.5  # seconds after it was asked for until its own lateness is a new one
LESS = 0.03  # of the checks that were asked for may be missing or too many
OTHERS = 0.05  # of the checking side's processor: what was measured beside that is worth little
EDGE = 0.02  # and so may those of so many seconds: at both ends of the time they are cut in two


def start(checker, world, n, every):
    """Seconds since the checking side was started, and those of CPU, until all are known; no more than PATIENCE."""
    checker.start(world, n, every)
    began = checker.checking.began
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
    late = by_kernel(checker, world, every, lambda: checker.checking.pump(least))
    if not checker.says_lateness():
        return {"late_us": late, "own_late_us": None}
    counts = [own_lateness(checker), own_lateness(checker, min(least, OWN_LATE))]
    return {"late_us": late, "own_late_us": ranks(*counts)}


def own_lateness(checker, seconds=0):
    """Its counts so much later, which are no older than that by more than a second."""
    for _ in range(1 + round(seconds / FRESH)):
        checker.own_lateness()
        checker.checking.pump(FRESH)
    return checker.own_lateness()


def window(checker, seconds):
    """What both sides, and the kernel, did in that time."""
    before, soft = kernel(), softirqd()
    checker.begin()
    began, cpu, server, idled = time.monotonic(), checker.checking.cpu(), checker.answering.cpu(), idle(CHECK_CPU)
    checker.checking.pump(seconds)
    took = time.monotonic() - began
    cpu, server = checker.checking.cpu() - cpu, checker.answering.cpu() - server
    others = max(0, took - (idle(CHECK_CPU) - idled) - cpu)
    done, after = checker.finish(), kernel()
    counted = {name: after[name] - before[name] for name in after}
    return {"seconds": took, "cpu_s": cpu, "server_cpu_s": server, "done": done, "softirqd_s": softirqd() - soft,
            "others_s": others, **counted}


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
    if r["others_s"] > OTHERS * r["seconds"]:
        found.append(f"others had {r['others_s'] / r['seconds'] * 100:.0f} % of the checking side's CPU")
    if r["softirqd_s"] > 0.1 * r["cpu_s"]:
        found.append(f"{r['softirqd_s'] / max(r['done'], 1) * 1e6:.1f} us a check are nobody's (ksoftirqd)")
    return found


def one(checker, world, n, every, seconds, base):
    checker.forget(world)
    known, known_cpu = start(checker, world, n, every)
    if seconds > 2:
        checker.settle(every)
    else:
        checker.hurry()
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
