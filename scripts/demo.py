#!/usr/bin/env python3
"""The demo: three servers and a load balancer on this machine.  One server is killed, found and
named; started again, it comes back.

Everything is its own: a state directory that goes with it, free ports, children that are ended by
their pid, on Ctrl-C and on a closed terminal too.  Exit status 0 only if all of it was seen."""

import ctypes
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

QHCP = os.environ.get("QHCP_BINARY") or str(Path(__file__).resolve().parent.parent / "build/qhcp")
LIMIT = 35  # seconds for all of it
FOUND_WITHIN = 1.0  # seconds from the kill to the verdict
PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """What should have been seen was not."""


def say(text=""):
    print(text, flush=True)


def free_ports(count):
    """UDP ports that nobody has; all are held until all are found, so that they differ."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Demo:
    def __init__(self, directory):
        self.dir = Path(directory)
        self.env = {**os.environ, "QHCP_STATE_DIR": str(self.dir / "state")}
        *self.ports, self.lb_port = free_ports(4)
        self.addresses = [f"127.0.0.1:{port}" for port in self.ports]
        self.servers, self.lb = {}, None
        self.began = time.monotonic()
        self.selector = selectors.DefaultSelector()
        self.rest = b""
        self.waiting = []

    def start(self, name, *arguments, stdout=subprocess.DEVNULL):
        libc = ctypes.CDLL(None)
        with open(self.dir / f"{name}.log", "ab") as log:
            return subprocess.Popen(
                [QHCP, *map(str, arguments)], env=self.env, stdin=subprocess.DEVNULL,
                stdout=stdout, stderr=log,
                preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))

    def start_server(self, address):
        port = address.rsplit(":", 1)[1]
        self.servers[address] = self.start(f"server-{port}", "server", "--ip", "127.0.0.1",
                                           "--port", port)

    def start_lb(self):
        self.lb = self.start("lb", "lb", "--servers", ",".join(self.addresses),
                             "--port", self.lb_port, "--max-fail-attempts", 3,
                             "--check-interval", 1, "--liveness-interval", "200ms",
                             "--reconnect-interval", 1, "--status-format", "json",
                             stdout=subprocess.PIPE)
        os.set_blocking(self.lb.stdout.fileno(), False)
        self.selector.register(self.lb.stdout, selectors.EVENT_READ)

    def records(self, until):
        """What the load balancer says, each record shown as it comes, up to this time."""
        while True:
            while self.waiting:
                record = json.loads(self.waiting.pop(0))
                self.show(record)
                yield record
            left = until - time.monotonic()
            if left <= 0:
                return
            if not self.selector.select(left):
                continue
            data = self.lb.stdout.read(65536)
            if data == b"":
                raise Failed(f"the load balancer ended (status {self.lb.wait()})")
            *lines, self.rest = (self.rest + (data or b"")).split(b"\n")
            self.waiting += lines

    def show(self, record):
        when = f"{time.monotonic() - self.began:6.2f} s "
        if record["type"] == "event":
            why = f': {record["reason"]}' if record["reason"] else ""
            say(f'{when} {record["address"]}  {record["from"]} -> {record["to"]}{why}')
        elif record["type"] == "status":
            states = "   ".join(self.brief(server) for server in record["servers"])
            say(f"{when} {states}")

    @staticmethod
    def brief(server):
        port, metrics = server["address"].rsplit(":", 1)[1], server.get("metrics") or {}
        if server["state"] != "up" or "cpu_usage_percent" not in metrics:
            return f":{port} {server['state']}"
        return (f":{port} up, cpu {metrics['cpu_usage_percent']:.0f} %,"
                f" memory {metrics['memory_usage_percent']:.0f} %, rtt {server['rtt_us']} us")

    def wait_for(self, wanted, what):
        for record in self.records(self.began + LIMIT):
            if wanted(record):
                return record
        raise Failed(f"not seen within {LIMIT} s: {what}")

    def wait_healthy(self, up):
        total = len(self.addresses)
        self.wait_for(lambda r: r["type"] == "status" and (r["up"], r["total"]) == (up, total),
                      f"{up} of {total} servers are healthy")
        say(f"\n{up} of {total} servers are healthy\n")

    def watch(self, seconds):
        for _ in self.records(time.monotonic() + seconds):
            pass

    def run(self):
        for address in self.addresses:
            self.start_server(address)
        self.start_lb()
        say(f"three servers on {', '.join(self.addresses)}; a load balancer watches them\n")
        self.wait_healthy(3)
        self.watch(3)

        victim = self.addresses[1]
        server = self.servers.pop(victim)
        say(f"\nkilling {victim} (kill -9 {server.pid})\n")
        server.kill()
        killed = time.monotonic()
        self.wait_for(lambda r: r["type"] == "event" and r["address"] == victim
                      and r["to"] == "down", f"{victim} is down")
        took = time.monotonic() - killed
        server.wait()
        say(f"\nfound and named after {took * 1000:.0f} ms")
        if took > FOUND_WITHIN:
            raise Failed(f"that is more than {FOUND_WITHIN:.0f} s")
        self.wait_healthy(2)
        self.watch(2)

        say(f"\nstarting {victim} again\n")
        self.start_server(victim)
        self.wait_for(lambda r: r["type"] == "event" and r["address"] == victim
                      and r["to"] == "up", f"{victim} is up again")
        self.wait_healthy(3)

    def story(self):
        """The ends of the logs, for a failure."""
        for log in sorted(self.dir.glob("*.log")):
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:]
            yield "\n".join([f"--- {log.name}:", *lines])

    def end(self):
        """Ends every child, the load balancer first; whoever lingers is killed."""
        children = [c for c in [self.lb, *self.servers.values()] if c]
        for child in children:
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + 3
        for child in children:
            try:
                child.wait(max(deadline - time.monotonic(), 0.05))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def interrupted(number, _):
    raise SystemExit(128 + number)


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main():
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupted)
    directory, demo, status = tempfile.mkdtemp(prefix="qhcp-demo-"), None, 1
    try:
        demo = Demo(directory)
        demo.run()
        status = 0
        say("that was it; everything is taken away again")
    except Failed as failure:
        for part in demo.story():
            print(part, file=sys.stderr)
        print(f"demo: {failure}", file=sys.stderr)
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if demo:
            demo.end()
        shutil.rmtree(directory, ignore_errors=True)
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError: # nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
