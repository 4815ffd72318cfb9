"""The processes of the measurement, in a network namespace of its own: one server, two load balancers that watch
it (every 100 ms and every second), one client that asks it every 10 ms, and the flood.

All of them but the flood share one processor; the flood has the other, where there is one."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOOLS = Path(os.environ.get("QHCP_BENCH_HELPERS", HERE)).parents[1] / "tests" / "tools"
os.environ.setdefault("QHCP_RAW_PEER", str(TOOLS / "raw-peer"))
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent.parent / "tests" / "e2e")]
from lib.case import Lb  # noqa: E402  (the harness of the end-to-end tests)
from lib.jwt import LbKey  # noqa: E402
from lib.net import die_with_parent, isolate  # noqa: E402
from lib.process import Process  # noqa: E402
from lib.raw import RAW_PEER, Peer, hello, wire  # noqa: E402

QHCP = os.environ.get("QHCP_BINARY", "")
CPU, FLOOD_CPU = 0, (os.cpu_count() or 1) - 1
SERVER, FAST, SLOW_LB = 4243, 4242, 4244
ASK_US = 10_000


class Server:
    """`qhcp server`, and what it uses."""

    def __init__(self, world, *arguments, name="server"):
        self.process = world.start(name, [QHCP, "server", "--ip", "127.0.0.1", "--port", SERVER, *arguments])
        self.pid = self.process.pid
        world.until(lambda: "listening on UDP" in self.process.errors())

    def cpu(self):
        """Nanoseconds that it has run."""
        return sum(int((task / "schedstat").read_text().split()[0])
                   for task in Path(f"/proc/{self.pid}/task").iterdir())

    def memory(self):
        """MB of its own."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]) / 1024


class Flood:
    """A flood under way; result() waits for its end."""

    def __init__(self, kind, port, rate, seconds, *source, cpu=FLOOD_CPU):
        self.seconds = seconds
        self.popen = subprocess.Popen(
            ["taskset", "-c", str(cpu), TOOLS / "flood", kind, f"127.0.0.1:{port}", str(rate), str(seconds),
             *source], stdout=subprocess.PIPE, text=True, preexec_fn=lambda: die_with_parent(9))

    def running(self):
        return self.popen.poll() is None

    def result(self):
        return json.loads(self.popen.communicate(timeout=self.seconds + 30)[0])


class World:
    def __init__(self, directory):
        if not isolate():
            raise RuntimeError("this machine lets us make no network namespace")
        self.dir, self.children = directory, []
        self.env = {**os.environ, "QHCP_STATE_DIR": str(directory / "state")}

    def start(self, name, command, kind=Process, **options):
        command = ["taskset", "-c", str(CPU), *map(str, command)]
        child = kind(command, name=name, log=self.dir / f"{name}{len(self.children)}.log", env=self.env, **options)
        self.children.append(child)
        return child

    def lb(self, name, port, interval):
        child = self.start(name, [QHCP, "lb", "--servers", f"127.0.0.1:{SERVER}", "--port", port, "--no-forward",
                                  "--check-interval", interval, "--liveness-interval", interval, "--status-format",
                                  "json", "--flap-hold", 0, "--slow-start", 0], kind=Lb)
        child.wait_event("up", 10)
        return child

    def asker(self):
        """A session that asks every 10 ms, and says how long each answer took."""
        peer = Peer("dial", f"127.0.0.1:{SERVER}", "localhost", self.dir / "state/ca/ca.pem", name="asker",
                    log=self.dir / "asker.log", env=self.env)
        self.children.append(peer)
        peer.connected(10)
        peer.send(hello(LbKey(self.dir / "state/lb/token-key.json").token(peer.exporter)))
        peer.message(wire.ACK, 10)
        peer.tell(f"ask {ASK_US}")
        return peer

    def check(self):
        """Milliseconds that a new connection's check takes; None where it fails."""
        began = time.monotonic()
        done = subprocess.run(["taskset", "-c", str(CPU), QHCP, "check", f"127.0.0.1:{SERVER}"], capture_output=True,
                              env=self.env, check=False)
        return (time.monotonic() - began) * 1000 if done.returncode == 0 else None

    def until(self, condition, seconds=10):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError("\n".join(c.story() for c in self.children[-2:]))

    def end(self, *children):
        for child in children:
            child.close()
            self.children.remove(child)

    def close(self):
        self.end(*self.children[:])


def downs(lb, since):
    """How often a load balancer called the server down, from line `since` of its output on."""
    lb._pull(0)  # what is there
    return sum(j["type"] == "event" and j["to"] == "down" for j in map(json.loads, lb.lines[since:]))


def answers(peer, since):
    """Microseconds that each answer took, from line `since` of the asker's output on."""
    peer._pull(0)
    return [int(line.split()[2]) for line in peer.lines[since:] if line.startswith("answer ")]


__all__ = ["RAW_PEER", "Flood", "Server", "World", "answers", "downs"]
