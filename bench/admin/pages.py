#!/usr/bin/env python3
"""Browsers that have the page open: how late the last of them is told of a server that was killed, and how late
the checks are meanwhile.

    python3 bench/admin/pages.py BUILD [SERVERS] [PAGES]

Each client asks what the page asks when it opens (the list, the past, then the stream), and /api/v1/self is asked
for as often as PAGES pages ask, each of them every 2 s.  Prints a line of JSON a figure.  The load balancer has one
CPU for all of its threads, the clients and the servers share another."""

import concurrent.futures
import os
import selectors
import sys
import tempfile
import threading
import time
from pathlib import Path

from run import connect, cpu, get, lateness, more, over, ready, say, start

LIST = "/api/v1/servers?fields=server,name,address,state,since,reason,tags"
KILLS, OPENERS, POLLERS = 9, 32, 8


def open_page(_=None):
    """The connection of its stream, whose answer has begun."""
    connection = connect()
    seq = get(connection, LIST).split(b'"seq":', 1)[1].split(b",", 1)[0].decode()
    connection.request("GET", "/api/v1/history?since=1h&limit=500")
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        get(connection, "/api/v1/events?limit=500")
    connection.request("GET", "/api/v1/events", headers={"Accept": "text/event-stream", "Last-Event-ID": seq})
    while b"\r\n\r\n" not in (head := connection.sock.recv(65536)):
        pass
    assert head.startswith(b"HTTP/1.1 200"), head
    connection.sock.setblocking(False)
    return connection


def told(crowd, words):
    """Seconds on the clock when the first and the last client had these words in a change."""
    selector, left, rest = selectors.DefaultSelector(), len(crowd), {}
    for one in crowd:
        selector.register(one.sock, selectors.EVENT_READ)
    first = None
    while left:
        ready_now = selector.select(20)
        assert ready_now, f"{left} of {len(crowd)} are not told {words}"
        for key, _ in ready_now:
            data = rest.get(key.fd, b"") + key.fileobj.recv(65536)
            assert data, "a stream has ended"
            rest[key.fd] = data
            if words in data:
                selector.unregister(key.fileobj)
                first, left = first or time.monotonic(), left - 1
    return first, time.monotonic()


def kills(fleet, crowd, servers, what):
    """Kills servers, one after the other; they stay so."""
    firsts, lasts = [], []
    for i in servers:
        begun = time.monotonic()
        fleet.stdin.write(f"silent {i}\n".encode())
        fleet.stdin.flush()
        first, last = told(crowd, b'"to":"down"')
        firsts.append((first - begun) * 1000)
        lasts.append((last - begun) * 1000)
        time.sleep(0.5)
    spread = sorted(b - a for a, b in zip(firsts, lasts))
    say(what=what, pages=len(crowd), kills=KILLS, first_told_ms=round(sorted(firsts)[KILLS // 2]), last_told_ms=round(sorted(lasts)[KILLS // 2]),
        last_told_worst_ms=round(max(lasts)), between_ms=round(spread[KILLS // 2]), between_worst_ms=round(spread[-1]))


def poll(pages, over_):
    connection = connect()
    while not over_.wait(2 * POLLERS / pages):
        get(connection, "/api/v1/self")


def late(what, before, after):
    say(what=what, late_over_5_ms=over(before, after), late_over_10_ms=over(before, after, 10), of=sum(more(before, after)))


def measure(fleet, lb, pages):
    time.sleep(3)
    a = lateness(connect())
    kills(fleet, [open_page()], range(1, KILLS + 1), "one page")
    b = lateness(connect())
    late("checks with one page", a, b)
    begun, used = time.monotonic(), cpu(lb.pid)
    with concurrent.futures.ThreadPoolExecutor(OPENERS) as pool:
        crowd = list(pool.map(open_page, range(pages)))
    say(what="opened", pages=pages, after_ms=round((time.monotonic() - begun) * 1000), cpu_ms=round((cpu(lb.pid) - used) * 1000))
    c = lateness(connect())
    late("checks while the pages open", b, c)
    done = threading.Event()
    pollers = [threading.Thread(target=poll, args=(pages, done)) for _ in range(POLLERS)]
    for thread in pollers:
        thread.start()
    begun, used = time.monotonic(), cpu(lb.pid)
    kills(fleet, crowd, range(KILLS + 1, 2 * KILLS + 1), "all pages")
    say(what="cpu with all pages", percent=round((cpu(lb.pid) - used) / (time.monotonic() - begun) * 100, 1))
    d = lateness(connect())
    done.set()
    for thread in pollers:
        thread.join()
    late("checks with all pages", c, d)


def main():
    build = Path(sys.argv[1]).resolve()
    servers, pages = (int(a) for a in (sys.argv[2:] + ["1000", "1000"][len(sys.argv) - 2:]))
    os.sched_setaffinity(0, {1})
    with tempfile.TemporaryDirectory() as directory:
        os.environ["QHCP_STATE_DIR"] = directory + "/state"
        fleet, lb = start(build, Path(directory), servers)
        try:
            ready()
            measure(fleet, lb, pages)
        finally:
            lb.terminate()
            fleet.stdin.close()
            lb.wait()
            fleet.wait()


if __name__ == "__main__":
    main()
