#!/usr/bin/env python3
"""Measures what floods of strangers do to `qhcp server` and `qhcp lb`, on this machine's loopback.

    main.py [--only NAME,NAME] [--floods KIND,KIND] [--quick] [--tap]

Exit status: 0 all figures are met, 1 one is not, 2 usage."""

import argparse
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "lib")]
import phases  # noqa: E402
import table  # noqa: E402
from world import QHCP, World  # noqa: E402

PHASES = {
    "server": (phases.server, ["at the server's port", "packets/s", "CPU", "answers: p50", "p99", "number",
                               "a new check", "failed", "memory: before, most, after",
                               "\"down\" at 100 ms, 1 s", "met"]),
    "lb": (phases.lb, ["at the load balancer's port", "a frozen server is found after", "false \"down\"", "met"]),
    "restart": (phases.restart, ["forges the load balancer's address", "up after a restart", "met"]),
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PHASES), help=f"of {', '.join(PHASES)}")
    parser.add_argument("--floods", default="", help="of the server's floods only these kinds")
    parser.add_argument("--quick", action="store_true", help="half a minute")
    parser.add_argument("--tap", action="store_true", help="print TAP instead of tables")
    o = parser.parse_args()
    o.only, o.floods = o.only.split(","), [kind for kind in o.floods.split(",") if kind]
    for name in o.only:
        if name not in PHASES:
            parser.error(f"there is no {name}: {', '.join(PHASES)}")
    if not QHCP:
        parser.error("QHCP_BINARY must name the binary")
    return o


def live(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def main():
    o = arguments()
    directory = Path(tempfile.mkdtemp(prefix="qhcp-bench-", dir="/dev/shm"))
    world, tables = World(directory), []
    try:
        for name in o.only:
            function, head = PHASES[name]
            tables.append((head, function(world, o, live)))
    finally:
        live("")
        world.close()
        shutil.rmtree(directory, ignore_errors=True)
    rows = [row for _, rows in tables for row in rows]
    if o.tap:
        for i, row in enumerate(rows, 1):
            print(f"{'not ok' if row[-1] == 'NO' else 'ok'} {i} - {': '.join(map(str, row))}")
        print(f"1..{len(rows)}")
    else:
        room = Path("/proc/sys/net/core/rmem_max").read_text().strip()
        print(f"{os.cpu_count()} CPUs, Linux {platform.release()}, receive buffers of at most {room} bytes; the flood "
              "has a CPU of its own, all else shares one\n")
        for head, rows in tables:
            print("\n".join(table.lines(head, rows)) + "\n")
    return 1 if any(row[-1] == "NO" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
