#!/usr/bin/env python3
"""What the admin interface costs: 10,000 servers listed whole, and how late the checks are meanwhile;
clients that follow the events; and what it costs while nobody looks.

    python3 bench/admin/run.py BUILD [SERVERS] [FOLLOWERS]

Prints a line of JSON a figure.  The load balancer has one CPU for all of its threads."""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PORT, FLEET = 24280, 24243
LISTS, IDLE = 12, 10  # answers; seconds


def say(**figure):
    print(json.dumps(figure), flush=True)


def get(connection, path):
    connection.request("GET", path)
    return connection.getresponse().read()


def connect():
    return http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)


def lateness(connection):
    """Checks by how late they left: [(at most us, count)]; the figures are a second old."""
    get(connection, "/api/v1/self")
    time.sleep(2.2)
    shown = json.loads(get(connection, "/api/v1/self"))["probe_lateness_us"]
    return list(zip(shown["le"] + [None], shown["count"]))


def cpu(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def more(before, after):
    """How many checks of each class left in between."""
    return [a - b for (_, b), (_, a) in zip(before, after)]


def over(before, after, ms=5):
    """How many of them were later than so many ms."""
    return sum(n for n, (bound, _) in zip(more(before, after), after) if not bound or bound > ms * 1000)


def start(build, directory, servers):
    listed = directory / "list"
    fleet = subprocess.Popen([build / "bench/fleet/qhcp-fleet", "-n", str(servers), "-p", str(FLEET), "-l", listed],
                             stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    while not listed.exists() or len(listed.read_text().splitlines()) < servers:
        time.sleep(0.1)
    lb = subprocess.Popen(["taskset", "-c", "0", build / "qhcp", "lb", "--servers", f"@{listed}", "--port", "24242",
                           "--no-forward", "--status-format", "none", "--history", "off", "--log-level", "error",
                           "--admin", f"127.0.0.1:{PORT}"])
    return fleet, lb


def ready():
    while True:
        try:
            connection = connect()
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)


def main():
    build = Path(sys.argv[1]).resolve()
    servers, followers = (int(a) for a in (sys.argv[2:] + ["10000", "1000"][len(sys.argv) - 2:]))
    with tempfile.TemporaryDirectory() as directory:
        os.environ["QHCP_STATE_DIR"] = directory + "/state"
        fleet, lb = start(build, Path(directory), servers)
        try:
            ready()
            time.sleep(3)
            connection = connect()
            quiet = lateness(connection)
            still = lateness(connection)
            for path in ("/api/v1/servers", "/metrics"):
                times = []
                for _ in range(LISTS):
                    begun = time.monotonic()
                    size = len(get(connection, path))
                    times.append(time.monotonic() - begun)
                    time.sleep(0.1)
                busy = lateness(connection)
                say(what=path, servers=servers, bytes=size, median_ms=round(sorted(times)[LISTS // 2] * 1000, 1),
                    worst_ms=round(max(times) * 1000, 1), late_over_5_ms=over(still, busy), of=sum(more(still, busy)),
                    late_over_5_ms_before=over(quiet, still), of_before=sum(more(quiet, still)))
                quiet, still = busy, lateness(connection)
            crowd = []
            for _ in range(followers):
                one = connect()
                one.request("GET", "/api/v1/events", headers={"Accept": "text/event-stream"})
                crowd.append((one, one.getresponse()))
            before, begun = cpu(lb.pid), time.monotonic()
            fleet.stdin.write(b"drain 1%\n")
            fleet.stdin.flush()
            for _, answer in crowd:
                while not answer.readline().startswith(b"event: state"):
                    pass
            say(what="followers", followers=followers, told_all_after_ms=round((time.monotonic() - begun) * 1000),
                cpu_ms=round((cpu(lb.pid) - before) * 1000))
            for one, _ in crowd:
                one.close()
            threads = {p.name: (p / "comm").read_text().strip() for p in Path(f"/proc/{lb.pid}/task").iterdir()}
            serve = next(t for t, name in threads.items() if name == "qhcp-serve")
            time.sleep(12)  # those that have gone are noticed
            before = cpu(f"{lb.pid}/task/{serve}")
            time.sleep(IDLE)
            say(what="idle", cpu_percent=round((cpu(f"{lb.pid}/task/{serve}") - before) / IDLE * 100, 2))
        finally:
            lb.terminate()
            fleet.stdin.close()
            lb.wait()
            fleet.wait()


if __name__ == "__main__":
    main()
