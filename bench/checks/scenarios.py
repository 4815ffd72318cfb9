"""What only QHCP is asked: how many checks a second it can do, minutes at a size, servers cut off and back, a second start."""

import time

import measure
from checkers import Qhcp
from world import kernel

FIRST = {"asking": 50000, "listening": 70000}  # checks a second: those that were asked for
FEWEST, MOST = 5000, 200000
NEAR = 1.06  # so near to each other are the most that are held and the least that are not
GENTLE = 20000  # checks a second until it is settled
FAR = 0.9  # of the checks are done: a step with fewer did not fail by chance
SETTLED, STEP = 10, 4  # seconds: after the start, with 32 checks of each server; of a step
BACK = 3  # seconds until servers of the step before are up again
LATE_MOST = 50  # ms at 99 %
PATIENCE = 60  # seconds until all are up again


def percent(value):
    return f"{value * 100:.0f} %"


def search(first, held, fewest=FEWEST, most=MOST, near=NEAR):
    """(the most that held() is true of, the least that it is not); None: there was none.  It steps up by a fourth, or down
    by a third, from the first on until it has both, and then halves what is between them."""
    good = bad = None
    rate = first
    while fewest <= rate <= most:
        if held(rate):
            good = rate
        else:
            bad = rate
        if good and bad and bad / good <= near:
            break
        rate = (good + bad) / 2 if good and bad else rate * 1.25 if good else rate / 1.5
        rate = round(rate, -2 if rate < 10000 else -3)
        if rate in (good, bad):
            break
    return good, bad


def limits(r, late):
    """What kept this many checks from being done in time."""
    found = [f"p99 {late:g} ms late"] if late is not None and late > LATE_MOST else []
    return [*r["doubts"], *found, *r["notes"]]


def step(checker, n, rate):
    """So many checks a second for a moment: did it hold, is that certain, and what kept it from more."""
    every = n / rate
    checker.pace(every)
    wait_up(checker, n, BACK)
    before = measure.own_lateness(checker)
    r = measure.window(checker, STEP)
    ranks = measure.ranks(before, checker.own_lateness())
    r["asked"] = n / every * r["seconds"]
    late = ranks and ranks[1] / 1000
    r["doubts"], r["notes"] = measure.doubts(checker, n, r), measure.notes(checker, r)
    held = not r["doubts"] and (late is None or late <= LATE_MOST)  # it is the upper bound of a class
    print("| " + " | ".join([
        checker.title, f"{rate:,.0f}", f"{r['done'] / r['seconds']:,.0f}", f"{r['cpu_s'] / max(r['done'], 1) * 1e6:.1f}",
        percent(r["cpu_s"] / r["seconds"]), percent(r["server_cpu_s"] / r["seconds"]), "-" if late is None else f"{late:g} ms",
        f"{r['lost']}", "yes" if held else "NO", "; ".join(limits(r, late))]) + " |", flush=True)
    return held, held or r["done"] < FAR * r["asked"], limits(r, late)


def saturate(world, o, n, chosen, live):
    """Searches for the checks a second at which probes are late, checks are not done, or servers are not up.  A step that
    nearly held is done again: on a shared machine some fail by chance."""
    rows = []
    head = ["checker", "checks/s asked", "done", "CPU us a check", "its CPU", "servers' CPU", "late p99", "lost", "held", "because"]
    print("\n".join(["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]), flush=True)
    for checker in chosen:
        why = {}

        def held(rate):
            good, sure, why[rate] = step(checker, n, rate)
            if not sure:
                good, _, why[rate] = step(checker, n, rate)
            return good

        checker.forget(world)
        measure.start(checker, world, n, n / GENTLE)
        checker.checking.pump(SETTLED)
        good, bad = search(FIRST[checker.name], held)
        checker.stop()
        rows.append([checker.title, f"{good:,.0f}" if good else "-", f"{bad:,.0f}" if bad else "-", "; ".join(why.get(bad, []))])
    print()
    return [f"{n:,} servers, on one CPU; held: p99 of lateness at most {LATE_MOST} ms, each check done, all servers up"], \
        ["checker", "checks/s held", "not held", "because"], rows


def minutes(checker, world, o, n, live):
    """Of all minutes together: what window() says, and what the checking side has sent, heard and called "down"."""
    total = {}
    for minute in range(max(1, round(o.soak))):
        live(f"{checker.title}, {n} servers, minute {minute + 1} of {o.soak:g}")
        r = measure.window(checker, min(60, o.soak * 60))
        # In this namespace there are only these two; what the fleet has done it says itself.
        r.update(downs=checker.downs_meanwhile(), sent=r["datagrams"] - checker.fleet_out, heard=r["received"] - checker.fleet_in)
        total = {name: total.get(name, 0) + value for name, value in r.items()}
    return total


def soak(world, o, n, chosen, live):
    rows, every = [], o.every(n)
    for checker in chosen:
        known, _ = measure.start(checker, world, n, every)
        checker.checking.pump(2 * every)
        up_at_begin, memory = checker.up(), checker.checking.memory()
        r = minutes(checker, world, o, n, live)
        asked, up, heard = n / every * r["seconds"], checker.up(), r["heard"]
        whole = r["lost"] == 0 and up == n and r["downs"] == 0 and min(r["done"], heard) > 0.99 * asked
        rows.append([checker.title, f"{n:,}", f"{known:.1f} s: {up_at_begin:,}", f"{asked:,.0f}", f"{r['sent']:,}", f"{heard:,}",
                     f"{r['lost']}", f"{r['downs']}", f"{up:,}", f"{r['cpu_s'] / max(r['done'], 1) * 1e6:.1f}",
                     f"{memory / 1e6:.0f}, {checker.checking.memory() / 1e6:.0f} MB", "yes" if whole else "NO"])
        checker.stop()
    return [f"every {every:g} s for {o.soak:g} min"], \
        ["checker", "servers", "up after", "checks asked", "datagrams sent", "heard", "lost", '"down"', "up at the end",
         "CPU us a check", "memory: begin, end", "met"], rows


def wait_up(checker, n, patience=PATIENCE):
    """Seconds until all are up; None: not within those."""
    began = time.monotonic()
    while checker.up() != n and time.monotonic() < began + patience:
        checker.checking.pump(0.005)
    return time.monotonic() - began if checker.up() == n else None


def cut(world, o, n, chosen, live):
    """All servers fall silent together, and come back."""
    rows, every = [], o.every(n)
    for checker in chosen:
        measure.start(checker, world, n, every)
        live(f"{checker.title}, {n} servers, cut off for {o.cut:g} s")
        checker.checking.pump(max(2, 2 * every))
        memory, cpu, downs, packets = checker.checking.memory(), checker.checking.cpu(), checker.downs, kernel()["packets"]
        checker.answering.say("silent", "silent:")
        checker.checking.pump(o.cut)
        checker.up()
        called, down_cpu, down_packets = checker.downs - downs, checker.checking.cpu() - cpu, kernel()["packets"] - packets
        checker.answering.say("back", "back:")
        took = wait_up(checker, n)
        back_cpu, after = checker.checking.cpu() - cpu - down_cpu, checker.downs
        checker.checking.pump(5)
        checker.up()
        false = checker.downs - after
        rows.append([checker.title, f"{n:,}", f"{called:,}", f"{down_packets / n:.1f}", f"{down_cpu:.2f} s",
                     "never" if took is None else f"{took:.2f} s", f"{back_cpu:.2f} s", f"{false}",
                     f"{memory / 1e6:.0f}, {checker.checking.memory() / 1e6:.0f} MB",
                     "yes" if took is not None and took < 5 and false == 0 else "NO"])
        checker.stop()
    return [f"all servers cut off for {o.cut:g} s, checks every {every:g} s"], \
        ["checker", "servers", 'called "down"', "packets a server meanwhile", "CPU meanwhile", "all up after", "CPU of that",
         '"down" afterwards', "memory: before, after", "met"], rows


def starts(world, o, n, chosen, live):
    """The first start of a state directory, and one with what that one has kept."""
    rows, every = [], o.every(n)
    for checker in chosen:
        for name, forget in (("cold", True), ("with what the one before has kept", False)):
            live(f"{checker.title}, {n} servers, {name}")
            if forget:
                checker.forget(world)
            server = checker.fleet(world, n).cpu()
            known, cpu = measure.start(checker, world, n, every)
            server = checker.answering.cpu() - server
            memory = checker.checking.memory("VmHWM")
            checker.checking.pump(1)
            rows.append([f"{checker.title}, {name}", f"{n:,}", f"{known:.2f} s", f"{cpu:.2f} s", f"{server:.2f} s", f"{checker.up():,}", f"{checker.downs}",
                         f"{memory / 1e6:.0f} MB", "yes" if checker.up() == n and checker.downs == 0 else "NO"])
            checker.stop()
    return [f"checks every {every:g} s"], ["start", "servers", "all up after", "CPU of that", "servers' CPU", "up", '"down"', "most memory", "met"], rows


ALL = {"saturate": saturate, "soak": soak, "cut": cut, "starts": starts}


def able(checker):
    return isinstance(checker, Qhcp) and checker.name in ("asking", "listening")
