#!/usr/bin/env python3
"""Measures failure detection with real processes and real faults: QHCP, and HAProxy beside it.

    main.py [--only NAME,NAME] [--faults N] [--servers N] [--fleet N] [--minutes M] [--seed N]
            [--no-haproxy] [--quick] [--tap]

Everything runs in a network namespace of its own, on its loopback interface.  A figure is the time from the
instant just before the fault is made to the instant at which the checker's own output told of the verdict.
Exit status: 0 all figures are met, 1 one is not (with --quick: a fault was not found, or a verdict was
false), 2 usage."""

import argparse
import gc
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "lib")]
import phases  # noqa: E402
import table  # noqa: E402
from checkers import haproxy_version  # noqa: E402
from faults import KINDS  # noqa: E402
from world import HELPERS, QHCP, World  # noqa: E402

NAMES = [*KINDS, *phases.WHOLE]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(NAMES), help=f"of {', '.join(NAMES)}")
    parser.add_argument("--faults", type=int, default=200, help="of each kind")
    parser.add_argument("--servers", type=int, default=50, help="that are hurt one by one")
    parser.add_argument("--fleet", type=int, default=200, help="of which none, or all, are")
    parser.add_argument("--minutes", type=float, help="with loss and without faults (a twentieth of --faults)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-haproxy", action="store_true")
    parser.add_argument("--quick", action="store_true", help="20 s, no judgement of times, and HAProxy only where it is installed")
    parser.add_argument("--tap", action="store_true", help="print TAP instead of tables")
    o = parser.parse_args()
    o.only = o.only.split(",")
    unknown = [name for name in o.only if name not in NAMES]
    if unknown:
        parser.error(f"there is no {unknown[0]}: {', '.join(NAMES)}")
    o.minutes = o.faults / 20 if o.minutes is None else o.minutes
    if o.quick:
        o.servers, o.fleet, o.faults, o.minutes = 8, 12, 1, 0.03
    if not (1 <= o.servers <= 900 and 1 <= o.fleet <= 900 and o.faults >= 1 and o.minutes > 0):
        parser.error("1 to 900 servers, at least 1 fault, more than 0 minutes")
    if not QHCP or not (HELPERS / "detection-stamp").exists():
        parser.error("QHCP_BINARY and QHCP_BENCH_HELPERS must name the binary and the helpers' directory")
    o.haproxy = not o.no_haproxy and shutil.which("haproxy") is not None
    if not o.haproxy and not o.no_haproxy and (not o.quick or os.environ.get("CI")):
        parser.error("there is no haproxy (Debian's package haproxy), and no --no-haproxy")
    return o


def live(text, begun=time.monotonic(), said=[""]):
    """What is under way: as one line of a terminal, else a line when something begins, with the time."""
    title = text.split(":")[0]
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif title and title != said[0]:
        said[0] = title
        print(f"{time.monotonic() - begun:4.0f} s: {title}", file=sys.stderr, flush=True)


def header(o, world, taken):
    machine = " / ".join(map(table.show, table.three(taken)))
    versions = f", HAProxy {haproxy_version()}" if o.haproxy else ""
    return (f"{os.cpu_count()} CPUs, Linux {platform.release()}{versions}; {o.servers} servers on the "
            f"same machine (HAProxy at 10 ms: {phases.few(o)}), {o.faults} faults of each kind, seed {o.seed}; "
            f"intervals 100 ms, max-fail-attempts 3, flap-hold 0. The machine itself: a line that three "
            f"processes hand on takes {machine}; a change of nftables took up to "
            f"{world.nft.slowest / 1e6:.0f} ms, which is part of the figures of cuts")


def print_tap(results):
    for i, r in enumerate(results, 1):
        print(f"{'ok' if r.whole else 'not ok'} {i} - {r.title}: {r.summary}")
    print(f"1..{len(results)}")


def print_tables(results, text):
    print(text + "\n")
    timed = [r for r in results if r.times]
    if timed:
        print("\n".join(table.lines(
            ["fault", "asked for", "QHCP p50", "p99", "max", "met", "HAProxy 1 s p50", "p99", "max",
             "HAProxy 10 ms p50", "p99", "max"], [r.row() for r in timed])) + "\n")
    for r in results:
        if not r.times:
            print(f"- {r.title}: {r.summary} ({'met' if r.met else 'NOT met'}; asked for: {r.asked})")
        elif r.notes:
            print(f"- {r.title}: {'; '.join(r.notes)}")


def main():
    o = arguments()
    gc.disable()
    directory = Path(tempfile.mkdtemp(prefix="qhcp-bench-"))
    world = World(o.quick)
    try:
        taken = world.hand_on(20 if o.quick else 500)
        results = phases.run(world, o, directory, live)
    finally:
        live("")
        world.close()
        shutil.rmtree(directory, ignore_errors=True)
    if o.tap:
        print_tap(results)
    else:
        print_tables(results, header(o, world, taken))
    return 0 if all(r.whole if o.quick else r.met and r.whole for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
