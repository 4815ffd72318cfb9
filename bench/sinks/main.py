#!/usr/bin/env python3
"""From a verdict of `qhcp lb` to its effect in a real HAProxy, and what telling costs.

    main.py [runtime] [agent] [cost] [storm] [--faults N] [--seconds N]

runtime  faults of single servers; HAProxy is told by its Runtime API
agent    the same; HAProxy asks by agent-check, agent-inter 100 ms
cost     1,000 servers are asked for every 100 ms each, on one port: CPU of the thread that serves
storm    300 of 1,000 servers fall silent at once; HAProxy is told by its Runtime API

The effect is seen by `show stat` of that one server, asked again and again.  The time counts from the
`time` of the event that qhcp lb prints, which is cut to milliseconds: figures are too high by up to one.
Nothing else should run on the machine."""

import argparse
import csv
import io
import json
import os
import random
import selectors
import socket
import subprocess
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
QHCP = os.environ.get("QHCP_BINARY", str(ROOT / "build" / "qhcp"))
FLEET = str(Path(QHCP).parent / "bench" / "fleet" / "qhcp-fleet")
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


AGENT = free_port()


class World:
    """A fleet, a load balancer with sinks, and a HAProxy with the same servers."""

    def __init__(self, directory, count, sink, line, liveness="100ms"):
        self.dir, self.count, self.processes = directory, count, []
        self.states, self.times, self.status, self.seen = {}, {}, None, threading.Condition()
        env = {**os.environ, "QHCP_STATE_DIR": str(directory / "state")}
        (directory / "state").mkdir(mode=0o700)
        self.fleet = self.run([FLEET, "--servers", str(count), "--list", directory / "addresses"], env, stdin=subprocess.PIPE)
        while not (directory / "addresses").exists() or len((directory / "addresses").read_text().split()) < count:
            time.sleep(0.05)
        addresses = (directory / "addresses").read_text().split()
        self.number = {a: i + 1 for i, a in enumerate(addresses)}
        (directory / "servers").write_text("".join(f"{a} name=s{i + 1}\n" for i, a in enumerate(addresses)))
        self.data = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.socket = directory / "h.sock"
        servers = "".join(f"  server s{i} 127.0.0.1:{self.data.getsockname()[1]} weight 100 {line.replace('NAME', f's{i}')}\n" for i in range(1, count + 1))
        (directory / "h.cfg").write_text(
            f"global\n  stats socket {self.socket} level admin\n  maxconn 2000\ndefaults\n  mode tcp\n  timeout connect 1s\n"
            f"  timeout client 9s\n  timeout server 9s\n  timeout queue 9s\nbackend be\n  balance roundrobin\n{servers}")
        self.haproxy = self.run(["haproxy", "-db", "-f", directory / "h.cfg"], env)
        self.lb = self.run([QHCP, "lb", "--no-forward", "--admin", "off", "--history", "off", "--servers", f"@{directory}/servers", "--status-format", "json",
                            "--status-interval", "1", "--liveness-interval", liveness, "--flap-hold", "0", "--slow-start", "0", "--panic-threshold", "0",
                            "--sink", sink.replace("SOCKET", str(self.socket))], env, stdout=subprocess.PIPE)
        threading.Thread(target=self.read, daemon=True).start()
        self.wait(lambda: sum(s == "up" for s in self.states.values()) == count, 60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def run(self, command, env, **options):
        options.setdefault("stdout", subprocess.DEVNULL)
        with open(self.dir / "log", "ab") as log:
            p = subprocess.Popen([str(c) for c in command], env=env, stderr=log, **options)
        self.processes.append(p)
        return p

    def read(self):
        for line in self.lb.stdout:
            said = json.loads(line)
            with self.seen:
                if said["type"] == "event":
                    self.states[said["address"]] = said["to"]
                    self.times[said["name"], said["to"]] = datetime.fromisoformat(said["time"].replace("Z", "+00:00")).timestamp()
                elif said["type"] == "status":
                    self.status = said
                self.seen.notify_all()

    def wait(self, wanted, within):
        with self.seen:
            if not self.seen.wait_for(wanted, within):
                self.close()
                raise SystemExit(f"that did not happen within {within} s:\n{(self.dir / 'log').read_text()[-2000:]}")

    def tell(self, command):
        self.fleet.stdin.write(command.encode() + b"\n")
        self.fleet.stdin.flush()

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.socket))
            s.sendall(command.encode() + b"\n")
            answer = b""
            while more := s.recv(65536):
                answer += more
        return answer.decode()

    def one(self, i):
        """What HAProxy says of server i."""
        return self.ask(f"show stat be 4 {i}").split("\n")[1].split(",")[17]

    def ops(self):
        """(how many HAProxy has stopped, their names)."""
        rows = [r.split() for r in self.ask("show servers state be").split("\n") if " be " in r]
        return {r[3] for r in rows if r[5] == "0"}

    def close(self):
        for p in reversed(self.processes):
            p.terminate()
        for p in self.processes:
            p.wait()
        self.data.close()


def quantiles(ms):
    ms = sorted(ms)
    return f"p50 {ms[len(ms) // 2]:.1f} ms, p99 {ms[min(len(ms) - 1, len(ms) * 99 // 100)]:.1f} ms, max {ms[-1]:.1f} ms ({len(ms)} faults)"


def effect(w, faults):
    """Milliseconds from each event to its effect."""
    down, up = [], []
    for _ in range(faults):
        i = random.randrange(w.count) + 1
        for command, state, list_ in ((f"silent {i}", "down", down), (f"back {i}", "up", up)):
            w.times.pop((f"s{i}", state), None)
            w.tell(command)
            while w.one(i).startswith("DOWN") != (state == "down"):
                pass
            at = time.time()
            w.wait(lambda i=i, state=state: (f"s{i}", state) in w.times, 20)
            list_.append((at - w.times[f"s{i}", state]) * 1000)
    return down, up


def thread_ticks(pid, name):
    for task in Path(f"/proc/{pid}/task").iterdir():
        stat = (task / "stat").read_text()
        if f"({name})" in stat:
            fields = stat.rsplit(")", 1)[1].split()
            return int(fields[11]), int(fields[11]) + int(fields[12])
    raise SystemExit(f"there is no thread {name}")


def runs(args):
    agent = f'agent-check agent-inter 100ms agent-addr 127.0.0.1 agent-port {AGENT} agent-send "be/NAME\\n"'
    for what in args.what:
        with tempfile.TemporaryDirectory(prefix="qhcp-bench-") as d:
            if what == "runtime":
                w = World(Path(d), 50, "haproxy SOCKET backend=be weights=no", "check inter 60s")
                told = effect(w, args.faults)
                print(f"Runtime API, verdict down to effect: {quantiles(told[0])}\nRuntime API, verdict up to effect:   {quantiles(told[1])}")
            elif what == "agent":
                w = World(Path(d), 50, f"haproxy-agent {AGENT}", f"check inter 1s {agent}")
                time.sleep(3)  # HAProxy begins its checks one after the other
                told = effect(w, args.faults)
                print(f"agent-check at 100 ms, verdict down to effect: {quantiles(told[0])}\nagent-check at 100 ms, verdict up to effect:   {quantiles(told[1])}")
            elif what == "cost":
                w = World(Path(d), 1000, f"haproxy-agent {AGENT}", agent, "1s")
                time.sleep(5)
                cost(w, args.seconds)
            else:
                w = World(Path(d), 1000, "haproxy SOCKET backend=be", "", "500ms")
                storm(w)
            w.close()


def cost(w, seconds):
    told = w.status["sinks"][0]["successes"]
    (user, ticks), begun = thread_ticks(w.lb.pid, "qhcp-serve"), time.monotonic()
    time.sleep(seconds)
    (user2, ticks2), passed = thread_ticks(w.lb.pid, "qhcp-serve"), time.monotonic() - begun
    user, ticks = user2 - user, ticks2 - ticks
    rows = list(csv.DictReader(io.StringIO(w.ask("show stat be 4 -1").lstrip("# "))))
    bad = sum(not r["agent_status"].endswith("L7OK") for r in rows)
    time.sleep(1.1)
    told = (w.status["sinks"][0]["successes"] - told) / (passed + 1.1)
    waiting = subprocess.run(["ss", "-Htan", "state", "time-wait", "sport", f"= :{AGENT}"], capture_output=True, text=True, check=True).stdout.count("\n")
    print(f"1,000 servers, one agent port, 100 ms each: {told:.0f} answers a second, {ticks / TICK / passed:.1%} of a CPU, {ticks / TICK / passed / told * 1e6:.1f} us an answer ({user / ticks:.0%} of it not the kernel); "
          f"{waiting} connections in TIME_WAIT, {bad} servers whose last answer was none")


def late(status):
    """Probes that left more than 1 ms late."""
    l = status["probe_lateness_us"]
    return sum(c for at, c in zip(l["le"] + [1 << 60], l["count"]) if at > 1000), sum(l["count"])


def storm(w):
    time.sleep(3)
    before = w.status
    for command, state, n in (("silent 1-300", "down", 300), ("back", "up", 0)):
        w.times.clear()
        w.tell(command)
        while len(w.ops()) != n:
            time.sleep(0.002)
        at = time.time()
        w.wait(lambda state=state: sum(k[1] == state for k in w.times) >= 300, 60)
        times = [t for k, t in w.times.items() if k[1] == state]
        print(f"storm: 300 of 1,000 {state}: all in HAProxy {(at - max(times)) * 1000:.1f} ms after the last verdict ({(max(times) - min(times)) * 1000:.0f} ms after the first)")
    time.sleep(2.1)
    a, b = late(before), late(w.status)
    print(f"storm: probes more than 1 ms late: {b[0] - a[0]} of {b[1] - a[1]} during it, {a[0]} of {a[1]} before; HAProxy has the right state at the end: {w.ops() == set()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=[[], "runtime", "agent", "cost", "storm"])
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=20)
    args = parser.parse_args()
    args.what = args.what or ["runtime", "agent", "cost", "storm"]
    runs(args)


if __name__ == "__main__":
    main()
