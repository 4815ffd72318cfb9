"""300 of 1,000 servers die at once: what the sinks consul, webhook (one that answers, one that hangs) and exec
take, and how soon the others hear of it.

    main.py [SERVERS] [--without]
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from lib.admin import ask  # noqa: E402
from lib.receiver import Receiver  # noqa: E402


class Heard:
    """What the two that answer were told, and when."""

    def __init__(self):
        self.lock, self.events, self.checks, self.at = threading.Lock(), [], {}, {}

    def webhook(self, request):
        with self.lock:
            self.events.append((time.time(), request.json))
        return 200

    def consul(self, request):
        if "/check/update/" in request.path:
            name = urllib.parse.unquote(request.path.rsplit("/", 1)[1])
            with self.lock:
                self.checks[name], self.at[name] = request.json["Status"], time.time()
        return 200


def cpu_ms(pid):
    """Of each thread: milliseconds that it ran, and that it could have run and waited for a CPU."""
    return {task.name: [int(ns) / 1e6 for ns in (task / "schedstat").read_text(encoding="ascii").split()[:2]] for task in Path(f"/proc/{pid}/task").iterdir()}


def when(event):
    return datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def share(values, percent):
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)] if values else 0


def main(n, without):
    heard = Heard()
    consul, good, hangs = Receiver(heard.consul), Receiver(heard.webhook), Receiver(lambda request: "hang")
    build = Path(os.environ.get("QHCP_BINARY", ROOT / "build" / "qhcp")).parent
    with tempfile.TemporaryDirectory() as directory:
        env = {**os.environ, "QHCP_STATE_DIR": f"{directory}/state"}
        fleet = subprocess.Popen([f"{build}/bench/fleet/qhcp-fleet", "--servers", str(n), "--list", f"{directory}/list"],
                                 env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        time.sleep(2)
        sinks = [] if without else [
            "--sink", f"consul http://127.0.0.1:{consul.port}",
            "--sink", f"webhook http://127.0.0.1:{good.port} kinds=state",
            "--sink", f"webhook http://127.0.0.1:{hangs.port} kinds=state timeout=1s",
            "--sink", "exec /bin/true kinds=state"]
        socket = f"{directory}/admin.sock"
        lb = subprocess.Popen([f"{build}/qhcp", "lb", "--no-forward", "--servers", f"@{directory}/list", "--port", "24300",
                               "--history", "off", "--admin", f"unix:{socket}", "--status-format", "none", *sinks],
                              env=env, stderr=subprocess.DEVNULL)

        def self_of():
            return ask(socket, "GET", "/api/v1/self").json

        while not os.path.exists(socket) or self_of()["servers"]["up"] < n:
            time.sleep(0.5)
        time.sleep(8)
        before, late, told = cpu_ms(lb.pid), self_of()["probe_lateness_us"], len(heard.events)
        fleet.stdin.write("silent 30%\n")
        fleet.stdin.flush()
        while self_of()["servers"]["down"] < n * 3 // 10:
            time.sleep(0.05)
        time.sleep(4)
        after, later = cpu_ms(lb.pid), self_of()["probe_lateness_us"]
        fares = self_of().get("sinks", [])
        lb.terminate()
        lb.wait()
        fleet.communicate("quit\n")
    checks = [b - a for a, b in zip(late["count"], later["count"])]
    over = sum(c for c, least in zip(checks[1:], late["le"]) if least >= 5000)
    print(f"checks {sum(checks)}, more than 5 ms late: {over}")
    for thread, ms in after.items():
        ran, waited = (now - was for now, was in zip(ms, before.get(thread, (0, 0))))
        print(f"{'the thread that watches' if int(thread) == lb.pid else 'another thread'}: ran {ran:.0f} ms, waited for a CPU {waited:.0f} ms")
    downs = {e["server"]: when(e) for _, e in heard.events[told:] if e["to"] == "down"}
    lags = [at - when(e) for at, e in heard.events[told:] if e["to"] == "down"]
    print(f"webhook: {len(downs)} told, p50 {share(lags, 50):.3f} s, p99 {share(lags, 99):.3f} s after the verdict")
    lags = [heard.at[f"qhcp-{name}"] - at for name, at in downs.items() if f"qhcp-{name}" in heard.at]
    critical = sum(status == "critical" for status in heard.checks.values())
    print(f"consul: {critical} critical of {len(heard.checks)}, p50 {share(lags, 50):.3f} s, p99 {share(lags, 99):.3f} s")
    for sink in fares:
        print(json.dumps(sink))
    sys.stdout.flush()
    os._exit(0)  # the receiver that hangs has threads


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--without"]
    main(int(words[0]) if words else 1000, "--without" in sys.argv)
