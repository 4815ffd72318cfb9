#!/usr/bin/env python3
"""Measures what a check costs: QHCP beside HAProxy, and the least that a check over UDP can cost.

    main.py [--quick] [--servers 100,1000,10000,50000] [--only NAME,NAME] [--interval MS] [--seconds S] [--runs N]
            [--json FILE] [--markdown FILE] [--prefer] [--tap]
    main.py --starts|--cut SECONDS|--soak MINUTES|--saturate [--servers N] [--only asking,listening] [--interval MS] [--prefer]

Everything runs in a network namespace of its own. A row that is not what it claims (checks that were not done,
servers that are not up, packets that were lost) says so below its table.
Exit status: 0 each row of QHCP is what it claims, 1 one is not, 2 usage."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "lib")]
import checkers  # noqa: E402
import measure  # noqa: E402
import report  # noqa: E402
import scenarios  # noqa: E402
import table  # noqa: E402
from world import FLEET, HELPERS, QHCP, World  # noqa: E402

INTERVALS = {100: 0.025, 1000: 0.25, 10000: 1, 50000: 10}  # seconds
MOST = 65000
NAMES = list(dict.fromkeys(c.name for c in checkers.checkers()))


def number_list(text):
    return [int(n) for n in text.split(",")]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", type=number_list, help="how many, with commas between")
    parser.add_argument("--only", default=",".join(NAMES), help=f"of {', '.join(NAMES)}")
    parser.add_argument("--interval", type=float, help="ms between two checks of a server (default: by their number)")
    parser.add_argument("--seconds", type=float, default=6, help="of a run; at least an interval")
    parser.add_argument("--runs", type=int, default=3, help="of each checker, interleaved")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the results, with those of other sizes and checkers")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="print the tables of results that were kept, and end")
    parser.add_argument("--starts", action="store_true", help="QHCP's first start, and one with what that one has kept")
    parser.add_argument("--cut", type=float, metavar="SECONDS", help="all servers fall silent together, and come back")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="is each check of QHCP answered? (50,000 servers)")
    parser.add_argument("--saturate", action="store_true", help="how many checks a second QHCP can do on one CPU")
    parser.add_argument("--prefer", action="store_true", help="over other work of this machine (root alone)")
    parser.add_argument("--quick", action="store_true", help="100 and 1,000 servers, one run of 2 s")
    parser.add_argument("--tap", action="store_true", help="print TAP instead of tables; 20 servers")
    o = parser.parse_args()
    if o.markdown:
        return o
    o.scenario = next((name for name in scenarios.ALL if getattr(o, name)), None)
    o.servers = o.servers or ([50000 if o.soak else 5000 if o.saturate else 10000] if o.scenario else list(INTERVALS))
    o.every = lambda n: interval(o, n)
    if o.quick:
        o.servers, o.seconds, o.runs = [n for n in o.servers if n <= 1000], 2, 1
    if o.tap:
        o.servers, o.seconds, o.runs, o.interval = [20], 0.6, 1, 100
    o.only = o.only.split(",")
    for name in o.only:
        if name not in NAMES:
            parser.error(f"there is no {name}: {', '.join(NAMES)}")
    if not o.servers or not all(1 <= n <= MOST for n in o.servers) or o.seconds <= 0 or o.runs < 1:
        parser.error(f"1 to {MOST} servers, more than 0 seconds, at least 1 run")
    if any(seconds is not None and not 0 < seconds <= 3600 for seconds in (o.cut, o.soak)):
        parser.error("--cut, --soak: more than 0, at most 3600")
    if o.interval is not None and not 1 <= o.interval <= 600000:
        parser.error("--interval: 1 to 600000 ms")
    if not QHCP or not FLEET.exists() or not (HELPERS / "checks-floor").exists():
        parser.error("QHCP_BINARY and QHCP_BENCH_HELPERS must name the binary and the helpers' directory")
    missing = [program for program in ("haproxy", "taskset", "ip") if not shutil.which(program)]
    why = f"there is no {missing[0]}" if missing else \
        "two processors are needed: one for the checking side alone" if (os.cpu_count() or 1) < 2 else None
    if why and o.tap:
        print(f"1..0 # SKIP {why}")
        sys.exit(0)
    if why:
        parser.error(why)
    return o


def live(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def interval(o, n):
    if o.interval:
        return o.interval / 1000
    return INTERVALS.get(n) or max(0.025, n / 4000 if n <= 10000 else n / 5000)


def of_size(world, o, n, chosen):
    """All runs with so many servers, interleaved."""
    results, bases = [], {}
    for turn in range(o.runs):
        for checker in chosen:
            every = checker.every(interval(o, n), n, o.interval is not None)
            live(f"{n} servers, {checker.title}, run {turn + 1} of {o.runs}")
            # That of few servers is lost in what one process differs from the next.
            if n >= 1000 and checker.name != "floor" and checker.title not in bases:
                bases[checker.title] = measure.baseline(checker, world, every)
            r = measure.one(checker, world, n, every, o.seconds, bases.get(checker.title))
            results.append({**r, "round": turn, "date": time.strftime("%Y-%m-%d %H:%M")})
    return results


def within_world(o, function):
    """function(world), with all that it started ended, also where somebody ends this program."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    directory = Path(tempfile.mkdtemp(prefix="qhcp-bench-", dir="/dev/shm"))
    (directory / "state").mkdir(mode=0o700)
    world = World(directory, o.prefer)
    try:
        return function(world)
    finally:
        live("")
        world.close()
        shutil.rmtree(directory, ignore_errors=True)


def run_scenario(o, chosen):
    words, head, rows = within_world(o, lambda world: scenarios.ALL[o.scenario](world, o, o.servers[0], chosen, live))
    print("\n".join([f"{report.machine()}; {words[0]}", "", *table.lines(head, rows)]))
    return 1 if "NO" in [row[head.index("met")] for row in rows if "met" in head] else 0


def print_tap(results):
    for i, r in enumerate(results, 1):
        print(f"{'not ' if judged(r) else ''}ok {i} - {r['title']}: {r['cpu_us']:.1f} us a check"
              f"{'; '.join(['', *r['doubts'], *r['notes']])}")
    print(f"1..{len(results)}")


def judged(r):
    """Is it a row of ours that is not what it claims?"""
    return r["row"] in ("asking", "listening", "status") and r["doubts"] != []


def main():
    o = arguments()
    if o.markdown:
        kept = json.loads(o.markdown.read_text())
        print(report.markdown(kept["results"], kept["machine"]))
        return 0
    chosen = [c for c in checkers.checkers() if c.name in o.only]
    if o.tap:  # one of a kind is enough to see that it works
        chosen = [c for c in chosen if c.name != "status" and (c.name != "floor" or c.tick == 4)]
    if o.scenario:
        return run_scenario(o, [c for c in chosen if scenarios.able(c)])
    results = within_world(o, lambda world: [r for n in o.servers for r in of_size(world, o, n, chosen)])
    where = report.machine()
    if o.json:
        report.merge(o.json, results, where)
    if o.tap:
        print_tap(results)
    else:
        print(report.markdown(results, where))
    return 1 if any(judged(r) for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
