#!/usr/bin/env python3
"""Measures the memory that a server costs: in `qhcp lb`, in a process that embeds many, and in `qhcp server`.

    main.py [--servers 1000,10000] [--interval SECONDS]

Exit status: 0 all servers came up and the limits are kept, 1 not, 2 usage."""

import argparse
import atexit
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "lib")]
import table  # noqa: E402

QHCP = Path(os.environ.get("QHCP_BINARY", "")).resolve()
FLEET = QHCP.parent / "bench" / "fleet" / "qhcp-fleet"
PORT = 4879
PATIENCE = 100  # seconds until all have to be up
SETTLE = 12  # seconds from then on until memory is looked at
MUST = {"lb": 32, "server": 4000}  # kB: of a server at 10,000; of `qhcp server`


def memory(pid):
    """kB: resident, most that was resident, and the part that is the process's own."""
    status = Path(f"/proc/{pid}/status").read_text()
    return [int(re.search(rf"^{name}:\s*(\d+) kB", status, re.M)[1]) for name in ("VmRSS", "VmHWM", "RssAnon")]


class Process:
    def __init__(self, where, name, *command, **more):
        self.log = where / f"{name}.log"
        with self.log.open("wb") as log:
            self.child = subprocess.Popen(command, stdout=log, stderr=log, cwd=where, **more)
        atexit.register(self.end)

    def up(self):
        """How many of its servers have been up."""
        return len(set(re.findall(rb"(\S+): \S+ -> up: ", self.log.read_bytes())))

    def end(self):
        self.child.terminate()
        self.child.wait()


def balancer(where, number, servers, interval):
    return Process(where, f"lb{number}", QHCP, "lb", "--no-forward", "--status-format", "none",
                   "--port", str(PORT + 1 + number), "--servers", servers, "--check-interval", f"{interval}s")


def settle(lbs, n):
    """True once all servers are up and quiet."""
    begin = time.monotonic()
    while any(lb.up() < n for lb in lbs):
        if time.monotonic() > begin + PATIENCE:
            return False
        time.sleep(0.2)
    time.sleep(SETTLE)
    return True


def many(where, n, interval):
    """All of a load balancer with n servers, and of a fleet."""
    servers = where / f"{n}.txt"
    fleet = Process(where, f"fleet{n}", FLEET, "--servers", str(n), "--port", str(PORT), "--list", servers,
                    stdin=subprocess.PIPE)
    while b"started in" not in fleet.log.read_bytes():
        time.sleep(0.1)
    idle = memory(fleet.child.pid)
    lb = balancer(where, n, f"@{servers}", interval)
    whole = settle([lb], n)
    if not whole:
        print(f"{lb.up()} of {n} servers came up")
    result = memory(lb.child.pid), idle, memory(fleet.child.pid), whole
    lb.end()
    fleet.end()
    return result


def one(where, interval):
    """`qhcp server` with two load balancers, and one of these, which has one server."""
    server = Process(where, "server", QHCP, "server", "--port", str(PORT))
    time.sleep(1)
    lbs = [balancer(where, i, f"127.0.0.1:{PORT}", interval) for i in range(2)]
    whole = settle(lbs, 1)
    result = memory(server.child.pid), memory(lbs[0].child.pid), whole
    for process in [*lbs, server]:
        process.end()
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", default="1000,10000", help="how many, with commas between")
    parser.add_argument("--interval", type=int, default=10, help="seconds between two checks with metrics")
    o = parser.parse_args()
    if not QHCP.is_file() or not FLEET.is_file():
        parser.error("QHCP_BINARY must name the binary, in a build folder with its benchmarks")
    rows, word = [], "not measured"
    with tempfile.TemporaryDirectory(prefix="qhcp-memory-") as name:
        where = Path(name)
        os.environ["QHCP_STATE_DIR"] = str(where / "state")
        server, base, whole = one(where, o.interval)
        sizes = [int(n) for n in o.servers.split(",")]
        for n in sizes:
            lb, idle, fleet, up = many(where, n, o.interval)
            whole = whole and up
            each = (lb[0] - base[0]) / n
            if n == 10000 and up:
                word = "met" if each <= MUST["lb"] else "NOT met"
            rows.append([f"{n}", f"{lb[0] / 1000:.1f} MB", f"{lb[1] / 1000:.1f} MB", f"{each:.1f} kB", f"{idle[2] / n:.1f} kB",
                         f"{fleet[2] / n:.1f} kB"])
    for line in table.lines(["servers", "qhcp lb: resident", "the most", "a server", "embedded: idle", "with a load balancer"],
                            rows):
        print(line)
    print(f"- asked for: {MUST['lb']} kB a server in `qhcp lb` at 10,000 ({word})")
    print(f"- qhcp server with 2 load balancers: {server[2]} kB of its own (asked for: {MUST['server']}), {server[0]} kB resident "
          f"with the pages of libraries; qhcp lb with 1 server: {base[2]} and {base[0]} kB")
    if not whole:
        print("- NOT all servers came up")
    return 0 if whole and word != "NOT met" and server[2] <= MUST["server"] else 1


if __name__ == "__main__":
    sys.exit(main())
