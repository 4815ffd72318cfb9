#!/usr/bin/env python3
"""Measures the forwarder beside HAProxy and nginx, with the same servers and the same load, all on this machine.

    main.py [--only NAME,NAME] [--runs N] [--seconds N] [--idle N] [--quick] [--tap]

Exit status: 0 all figures are met, 1 one is not (with --quick: a request failed that must not), 2 usage."""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "lib")]
import phases  # noqa: E402
import table  # noqa: E402
from world import QHCP, World  # noqa: E402

COSTS = ["figure", "unit", "QHCP", "HAProxy", "nginx", "ratio to the better", "asked for", "met"]
EVENTS = ["under load", "QHCP", "asked for", "met"]
SLOWED = ["one of four servers is slow", "p50", "p99", "requests/s", "met"]
PHASES = {"cpu": (phases.cpu, COSTS), "idle": (phases.idle, COSTS), "drained": (phases.drained, EVENTS),
          "killed": (phases.killed, EVENTS), "replaced": (phases.replaced, EVENTS), "flooded": (phases.flooded, EVENTS),
          "slowed": (phases.slowed, SLOWED)}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PHASES), help=f"of {', '.join(PHASES)}")
    parser.add_argument("--runs", type=int, default=9, help="of each figure, interleaved")
    parser.add_argument("--seconds", type=int, default=2, help="of load in a run")
    parser.add_argument("--idle", type=int, default=20000, help="idle connections")
    parser.add_argument("--quick", action="store_true", help="20 s, and no judgement of costs")
    parser.add_argument("--tap", action="store_true", help="print TAP instead of tables")
    o = parser.parse_args()
    if o.quick:
        o.runs, o.seconds, o.idle = 1, 1, 500
    o.only = o.only.split(",")
    for name in o.only:
        if name not in PHASES:
            parser.error(f"there is no {name}: {', '.join(PHASES)}")
    if o.runs < 1 or o.seconds < 1 or not 1 <= o.idle <= 25000:
        parser.error("at least one run of one second, 1 to 25000 connections")
    if not QHCP:
        parser.error("QHCP_BINARY must name the binary")
    missing = [program for program in ("haproxy", "nginx", "wrk", "taskset", "ss") if not shutil.which(program)]
    why = f"there is no {missing[0]}" if missing else \
        "two processors are needed: one for the proxy alone" if (os.cpu_count() or 1) < 2 else None
    if why and o.tap:
        print(f"1..0 # SKIP {why}")
        sys.exit(0)
    if why:
        parser.error(why)
    return o


def live(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def version(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines()[0].replace("version", "").strip()


def main():
    o = arguments()
    directory = Path(tempfile.mkdtemp(prefix="qhcp-bench-", dir="/dev/shm"))
    world = World(directory, o.quick)
    tables = {}
    try:
        for i in range(phases.SERVERS):
            world.backend(i)
            world.agent(i)
        for name in o.only:
            function, head = PHASES[name]
            tables.setdefault(tuple(head), []).extend(function(world, o, live))
    finally:
        live("")
        world.close()
        shutil.rmtree(directory, ignore_errors=True)
    judged = [row for head, rows in tables.items() for row in rows if not o.quick or list(head) == EVENTS]
    if o.tap:
        print_tap(tables, judged)
    else:
        print_tables(o, tables)
    return 1 if any(row[-1] == "NO" for row in judged) else 0


def print_tap(tables, judged):
    rows = [row for rows in tables.values() for row in rows]
    for i, row in enumerate(rows, 1):
        bad = row in judged and row[-1] == "NO"
        print(f"{'not ok' if bad else 'ok'} {i} - {': '.join(map(str, row[:3]))}")
    print(f"1..{len(rows)}")


def print_tables(o, tables):
    print(f"{os.cpu_count()} CPUs, Linux {platform.release()}, {version('haproxy', '-v')}, {version('nginx', '-v')}; "
          f"one thread of the proxy on a processor of its own; medians of {o.runs} interleaved runs of {o.seconds} s\n")
    for head, rows in tables.items():
        if rows:
            print("\n".join(table.lines(list(head), rows)) + "\n")


if __name__ == "__main__":
    sys.exit(main())
