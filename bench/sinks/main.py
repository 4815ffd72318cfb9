#!/usr/bin/env python3
"""From a verdict of `qhcp lb` to its effect in a real HAProxy, and what telling costs.

    main.py [runtime] [agent] [requests] [cost] [storm] [--faults N] [--seconds N] [--rate N]

runtime   faults of single servers; HAProxy is told by its Runtime API
agent     the same; HAProxy asks by agent-check, agent-inter 100 ms
requests  clients' requests go on meanwhile, in turn to four servers: which is the last one that a dead server
          gets, and which the first one that avoids it?  By the Runtime API, then by the agent
cost      1,000 servers are asked for every 100 ms each, on one port: CPU of the thread that serves, and of a
          program that accepts, receives, sends and closes, and does nothing else
storm     300 of 1,000 servers fall silent at once; HAProxy is told by its Runtime API

The effect is seen by `show stat` of that one server, asked again and again, or by requests.  The time counts
from the instant at which qhcp lb wrote its event, as the kernel has it.  Nothing else should run on the machine."""

import argparse
import csv
import io
import json
import os
import random
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from requests import Requests, avoided

ROOT = Path(__file__).resolve().parents[2]
QHCP = os.environ.get("QHCP_BINARY", str(ROOT / "build" / "qhcp"))
FLEET = str(Path(QHCP).parent / "bench" / "fleet" / "qhcp-fleet")
FLOOR = str(Path(QHCP).parent / "bench" / "sinks" / "sinks-floor")
TICK = os.sysconf("SC_CLK_TCK")
ALL = ["runtime", "agent", "requests", "cost", "storm"]
STAMPNS = 35  # SO_TIMESTAMPNS


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


AGENT = free_port()


class World:
    """A fleet, a load balancer with sinks, and a HAProxy with the same servers."""

    def __init__(self, directory, count, sink, line, liveness="100ms", ports=()):
        self.dir, self.count, self.processes, self.haproxy = directory, count, [], None
        self.states, self.times, self.status, self.seen = {}, {}, None, threading.Condition()
        env = {**os.environ, "QHCP_STATE_DIR": str(directory / "state")}
        (directory / "state").mkdir(mode=0o700)
        self.fleet = self.run([FLEET, "--servers", str(count), "--list", directory / "addresses"], env, stdin=subprocess.PIPE)
        while not (directory / "addresses").exists() or len((directory / "addresses").read_text().split()) < count:
            time.sleep(0.05)
        addresses = (directory / "addresses").read_text().split()
        self.number = {a: i + 1 for i, a in enumerate(addresses)}
        (directory / "servers").write_text("".join(f"{a} name=s{i + 1}\n" for i, a in enumerate(addresses)))
        self.data, self.front = socket.create_server(("127.0.0.1", 0), backlog=4096), free_port()
        self.socket, self.ports, self.env = directory / "h.sock", ports or [self.data.getsockname()[1]] * count, env
        self.proxy(line)
        wide = count <= 100  # a datagram has room for its status
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM if wide else socket.SOCK_STREAM)
        mine.setsockopt(socket.SOL_SOCKET, STAMPNS, 1)
        self.lb = self.run([QHCP, "lb", "--no-forward", "--admin", "off", "--history", "off", "--servers", f"@{directory}/servers", "--status-format", "json",
                            "--status-interval", "1", "--liveness-interval", liveness, "--flap-hold", "0", "--slow-start", "0", "--panic-threshold", "0",
                            "--sink", sink.replace("SOCKET", str(self.socket))], env, stdout=its)
        its.close()
        threading.Thread(target=self.stamped if wide else self.lines, args=(mine,), daemon=True).start()
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

    def proxy(self, line):
        """A HAProxy, with this at the end of each server line; the one before ends."""
        servers = "".join(f"  server s{i} 127.0.0.1:{port} weight 100 {line.replace('NAME', f's{i}')}\n" for i, port in enumerate(self.ports, 1))
        (self.dir / "h.cfg").write_text(
            f"global\n  stats socket {self.socket} level admin\n  maxconn 2000\ndefaults\n  mode tcp\n  timeout connect 1s\n"
            f"  timeout client 9s\n  timeout server 9s\n  timeout queue 9s\nfrontend fe\n  bind 127.0.0.1:{self.front}\n  default_backend be\n"
            f"backend be\n  balance roundrobin\n{servers}")
        if self.haproxy:
            self.haproxy.terminate()
            self.haproxy.wait()
        self.haproxy = self.run(["haproxy", "-db", "-f", self.dir / "h.cfg"], self.env)

    def lines(self, source):
        with source.makefile("rb") as f:
            for line in f:
                self.take(line, time.time())

    def stamped(self, source):
        """With the instants at which they were written."""
        while True:
            data, control, _, _ = source.recvmsg(1 << 20, 1000)
            if not data:
                return
            at = next(struct.unpack("@qq", value[:16]) for _, kind, value in control if kind == STAMPNS)
            for line in data.splitlines():
                self.take(line, at[0] + at[1] / 1e9)

    def take(self, line, at):
        said = json.loads(line)
        with self.seen:
            if said["type"] == "event":
                self.states[said["address"]] = said["to"]
                self.times[said["name"], said["to"]] = at
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


def requests(w, r, faults, pause):
    """A line of figures.  pause: seconds after which nobody can get a request any more."""
    r.begin(w.front, w.rate)
    windows = []
    time.sleep(1)
    for _ in range(faults):
        i = random.randrange(w.count) + 1
        w.times.pop((f"s{i}", "down"), None)
        w.tell(f"silent {i}")
        w.wait(lambda i=i: (f"s{i}", "down") in w.times, 20)
        time.sleep(pause)
        windows.append((i, w.times[f"s{i}", "down"] * 1e9, time.time_ns()))
        w.times.pop((f"s{i}", "up"), None)
        w.tell(f"back {i}")
        w.wait(lambda i=i: (f"s{i}", "up") in w.times, 20)
        time.sleep(pause)
    seen = r.read()
    found = [avoided([s for s in seen if verdict - 1e9 < s[0]], i, verdict, until) for i, verdict, until in windows]
    failed = sum(not server for _, server in seen)
    found = [f for f in found if f]
    return (f"the last request that it got {quantiles([f[0] for f in found])}\n  the first that avoided it {quantiles([f[1] for f in found])}; "
            f"{w.rate} requests a second, {failed} of {len(seen)} without an answer")


def ran(pid, name):
    """Milliseconds that a thread has run, and those that were not the kernel's."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            user, system = map(int, (task / "stat").read_text().rsplit(")", 1)[1].split()[11:13])
            ms = int((task / "schedstat").read_text().split()[0]) / 1e6
            return ms, ms * user / max(1, user + system)
    raise SystemExit(f"there is no thread {name}")


def accepted():
    """TCP connections that this machine has accepted."""
    names, values = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Tcp:")]
    return int(values[names.index("PassiveOpens")])


def agent_check(port):
    return f'agent-check agent-inter 100ms agent-addr 127.0.0.1 agent-port {port} agent-send "be/NAME\\n"'


def by_requests(args):
    for name, sink, line in (("Runtime API", "haproxy SOCKET backend=be weights=no", "check inter 60s"),
                             ("agent-check at 100 ms", f"haproxy-agent {AGENT}", f"check inter 1s {agent_check(AGENT)}")):
        with tempfile.TemporaryDirectory(prefix="qhcp-bench-") as d:
            r = Requests(4)
            w = World(Path(d), 4, sink, line, ports=r.ports)
            w.rate = args.rate
            time.sleep(1)
            print(f"{name}, from the verdict down to\n  {requests(w, r, args.faults, 0.3)}")
            w.close()
            r.close()


def runs(args):
    for what in args.what:
        if what == "requests":
            by_requests(args)
            continue
        with tempfile.TemporaryDirectory(prefix="qhcp-bench-") as d:
            if what == "runtime":
                w = World(Path(d), 50, "haproxy SOCKET backend=be weights=no", "check inter 60s")
                told = effect(w, args.faults)
                print(f"Runtime API, verdict down to effect: {quantiles(told[0])}\nRuntime API, verdict up to effect:   {quantiles(told[1])}")
            elif what == "agent":
                w = World(Path(d), 50, f"haproxy-agent {AGENT}", f"check inter 1s {agent_check(AGENT)}")
                time.sleep(3)  # HAProxy begins its checks one after the other
                told = effect(w, args.faults)
                print(f"agent-check at 100 ms, verdict down to effect: {quantiles(told[0])}\nagent-check at 100 ms, verdict up to effect:   {quantiles(told[1])}")
            elif what == "cost":
                w = World(Path(d), 1000, f"haproxy-agent {AGENT}", agent_check(AGENT), "1s")
                cost(w, args.seconds)
            else:
                w = World(Path(d), 1000, "haproxy SOCKET backend=be", "", "500ms")
                storm(w)
            w.close()


def span(seconds, *threads):
    """Answers a second, and of each thread (pid, name): parts of a CPU, all and not the kernel's."""
    time.sleep(5)
    before, opens, begun = [ran(*t) for t in threads], accepted(), time.monotonic()
    time.sleep(seconds)
    after, opens, passed = [ran(*t) for t in threads], accepted() - opens, time.monotonic() - begun
    return opens / passed, [[(b - a) / 1000 / passed for a, b in zip(*pair)] for pair in zip(before, after)]


def cost(w, seconds):
    rate, ((serves, user),) = span(seconds, (w.lb.pid, "qhcp-serve"))
    rows = list(csv.DictReader(io.StringIO(w.ask("show stat be 4 -1").lstrip("# "))))
    bad = sum(not r["agent_status"].endswith("L7OK") for r in rows)
    waiting = subprocess.run(["ss", "-Htan", "state", "time-wait", "sport", f"= :{AGENT}"], capture_output=True, text=True, check=True).stdout.count("\n")
    port = free_port()
    floor = w.run([FLOOR, str(port)], w.env)
    w.proxy(agent_check(port))
    least, ((rest, _), (of_floor, _)) = span(seconds, (w.lb.pid, "qhcp-serve"), (floor.pid, "sinks-floor"))
    print(f"1,000 servers, one agent port, 100 ms each: {rate:.0f} answers a second, {serves:.1%} of a CPU, {serves / rate * 1e6:.1f} us an answer ({user / serves:.0%} of it not the kernel); "
          f"{waiting} connections in TIME_WAIT, {bad} servers whose last answer was none\n"
          f"  the same thread while HAProxy asks somebody else: {rest:.1%}; whom it asks then, a program that does nothing else: {least:.0f} answers a second, {of_floor:.1%} of a CPU, {of_floor / least * 1e6:.1f} us an answer")


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
    parser.add_argument("what", nargs="*", choices=[[], *ALL])
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rate", type=int, default=1000, help="requests a second")
    args = parser.parse_args()
    args.what = args.what or ALL
    runs(args)


if __name__ == "__main__":
    main()
