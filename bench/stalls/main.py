#!/usr/bin/env python3
"""Servers that stand still for moments, in real processes: does the load balancer call one of them down?

    main.py [--servers N] [--minutes M] [--every MS] [--least MS] [--most MS] [--cuts N] [--seed N]
            [--quick] [--tap]

Everything runs in a network namespace of its own; `qhcp lb` has its defaults.  Every so often one server,
chosen at random, is stopped (SIGSTOP) and continued after a random time.  No verdict may come of that.
Afterwards some are stopped until the verdict, which is timed, and continued: each of those verdicts is to
be counted as a false one.  Exit status: 0 all is as it should be, 1 something is not, 2 usage."""

import argparse
import gc
import json
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "detection"), str(HERE.parent / "lib")]
import table  # noqa: E402
from world import MS, QHCP, S, World, now  # noqa: E402

PORT = 5000
MEDIAN = 1300  # ms: of the verdict on a server that is gone
PATIENCE = 20  # s


class Fleet:
    """`qhcp lb` and its servers; what the one says of the others."""

    def __init__(self, world, directory, count):
        self.world, self.directory = world, directory
        self.env = {"QHCP_STATE_DIR": str(directory / "state")}
        self.addresses = [f"127.0.0.1:{PORT + i}" for i in range(count)]
        self.servers, self.lb, self.listening = {}, None, 0
        self.state, self.downs, self.status = {}, [], {}

    def start(self):
        (self.directory / "state").mkdir(mode=0o700)
        for i, address in enumerate(self.addresses):
            self.servers[address] = self.world.spawn(
                [QHCP, "server", "--ip", "127.0.0.1", "--port", PORT + i], self.env,
                error_lines=self.on_server_line)
        self.world.wait(lambda: self.listening == len(self.addresses), 120, "servers start")
        names = self.directory / "servers"
        names.write_text("\n".join(self.addresses) + "\n")
        self.lb = self.world.spawn(
            [QHCP, "lb", "--servers", f"@{names}", "--status-format", "json", "--status-interval", "500ms",
             "--slow-start", "0", "--flap-hold", "0", "--log-level", "error"], self.env, on_line=self.on_line)
        self.world.wait(lambda: len(self.state) == len(self.addresses), 60, "servers are up")
        self.world.pump(now() + S)

    def on_server_line(self, _, line):
        self.listening += "listening on UDP" in line

    def on_line(self, at, line):
        said = json.loads(line)
        if said["type"] == "event":
            self.state[said["address"]] = said["to"]
            if said["to"] == "down":
                self.downs.append((at, said["address"], said["reason"]))
        elif said["type"] == "status":
            self.status = {s["address"]: s for s in said["servers"]}

    def signal(self, address, number):
        self.servers[address].send_signal(number)

    def false_verdicts(self):
        """As the load balancer counts them, from its next status on."""
        self.status = {}
        self.world.wait(lambda: self.status, PATIENCE, "a status")
        return sum(s["false_verdicts"] for s in self.status.values())


def stall(fleet, o, live):
    """How long the servers were really stopped."""
    rand, end, due = random.Random(o.seed), now() + int(o.minutes * 60 * S), now()
    stopped, took = {}, []  # address: (since, until)
    while now() < end or stopped:
        if now() >= due and now() < end:
            due += o.every * MS
            address = rand.choice([a for a in fleet.addresses if a not in stopped])
            begun = now()
            fleet.signal(address, signal.SIGSTOP)
            stopped[address] = (begun, begun + rand.randint(o.least * MS, o.most * MS))
            live(f"{len(took)} stalls, {len(fleet.downs)} verdicts")
        for address in [a for a, (_, until) in stopped.items() if until <= now()]:
            fleet.signal(address, signal.SIGCONT)
            took.append(now() - stopped.pop(address)[0])
        coming = [until for _, until in stopped.values()] + ([due] if due < end else [])
        fleet.world.pump(min(coming, default=end))
    fleet.world.pump(now() + 2 * S)
    return took


def cut(fleet, o, live):
    """The time to the verdict on servers that do not wake up by themselves."""
    rand, took = random.Random(o.seed + 1), []
    for address in rand.sample(fleet.addresses, o.cuts):
        fleet.world.pump(now() + rand.randint(0, S))
        seen, begun = len(fleet.downs), now()
        fleet.signal(address, signal.SIGSTOP)
        fleet.world.wait(lambda: fleet.state[address] == "down", PATIENCE, f"{address} is down")
        took.append(fleet.downs[seen][0] - begun)
        fleet.signal(address, signal.SIGCONT)
        fleet.world.wait(lambda: fleet.state[address] == "up", PATIENCE, f"{address} is up again")
        live(f"{len(took)} of {o.cuts} cut off")
    return took


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--every", type=int, default=200, help="ms between two stalls")
    parser.add_argument("--least", type=int, default=50, help="ms of a stall")
    parser.add_argument("--most", type=int, default=200, help="ms of a stall")
    parser.add_argument("--cuts", type=int, default=40, help="servers that are stopped for good, afterwards")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="some seconds, no judgement of times")
    parser.add_argument("--tap", action="store_true", help="print TAP instead of a table")
    o = parser.parse_args()
    if o.quick:
        o.servers, o.minutes, o.every, o.least, o.cuts = 10, 0.05, 100, 150, 1
    if not (1 <= o.cuts <= o.servers <= 900 and o.minutes > 0 and 1 <= o.least <= o.most and o.every >= 1
            and o.most < o.every * o.servers):
        parser.error("1 to 900 servers, 1 to as many cuts, and stalls that leave a server running")
    if not QHCP:
        parser.error("QHCP_BINARY must name the binary")
    return o


def live(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def measure(o):
    directory = Path(tempfile.mkdtemp(prefix="qhcp-bench-"))
    world = World()
    try:
        fleet = Fleet(world, directory, o.servers)
        fleet.start()
        stalls = stall(fleet, o, live)
        false = [f"{address}: {reason}" for _, address, reason in fleet.downs]
        times = cut(fleet, o, live)
        return stalls, false, times, fleet.false_verdicts() - len(false)
    finally:
        live("")
        world.close()
        shutil.rmtree(directory, ignore_errors=True)


def main():
    o = arguments()
    gc.disable()
    stalls, false, times, counted = measure(o)
    median = table.percentile(times, 0.5)
    checks = [(not false, f"{len(stalls)} stalls, {len(false)} verdicts {'; '.join(false)}".rstrip()),
              (counted == len(times), f"{len(times)} verdicts on servers that wake again, {counted} counted as "
                                      "false"),
              (o.quick or median <= MEDIAN, f"stopped for good: median verdict {table.show(median)}")]
    if o.tap:
        for i, (ok, text) in enumerate(checks, 1):
            print(f"{'ok' if ok else 'not ok'} {i} - {text}")
        print(f"1..{len(checks)}")
    else:
        print(f"{os.cpu_count()} CPUs, Linux {platform.release()}; {o.servers} servers on the same machine, one "
              f"of them stopped every {o.every} ms for {o.least} to {o.most} ms, {o.minutes:g} min, seed {o.seed}; "
              "load balancer at its defaults\n")
        print("\n".join(table.lines(
            ["", "count", "p50", "p99", "max", "verdicts"],
            [["stalls", str(len(stalls)), *table.three(stalls), str(len(false))],
             ["stopped for good, to the verdict", str(len(times)), *table.three(times), str(len(times))]])))
        for ok, text in checks:
            print(f"- {text} ({'met' if ok else 'NOT met'})")
    return 0 if all(ok for ok, _ in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
