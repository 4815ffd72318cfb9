"""A listed host:port is one server; its addresses are tried until one answers."""

import os
import time
from pathlib import Path

from lib.case import QHCP, Case, Lb, free_port
from lib.net import private_mounts, run
from lib.process import PATIENCE


class Names(Case):
    def test_localhost_is_found_on_ipv4_though_ipv6_is_refused_first(self):
        self.server(4243, ip="0.0.0.0")
        lb = self.lb(["localhost:4243"])
        _, up = lb.wait_event("up", within=10)
        self.assertEqual((up["address"], up["from"]), ("localhost:4243", "connecting"))

    def test_localhost_is_found_on_ipv6_alone(self):
        self.server(4243, ip="::1")
        lb = self.lb(["localhost:4243", "[::1]:4243"])
        lb.wait_status(lambda s: s["up"] == 2, within=10)

    def test_a_name_that_does_not_resolve_is_down_and_the_others_go_on(self):
        self.server(4243)
        lb = self.lb(["nosuch.invalid:4243", "127.0.0.1:4243"])
        lb.wait_event("up", within=10, address="127.0.0.1:4243")
        _, down = lb.wait_event("down", within=20, address="nosuch.invalid:4243")
        self.assertIn("cannot resolve nosuch.invalid", down["reason"])

    def wait_hangs(self, pid):
        """A thread waits for somebody who writes into the pipe that it opens."""
        begun = time.monotonic()
        while "wait_for_partner" not in (waits := {p.read_text() for p in Path(f"/proc/{pid}/task").glob("*/wchan")}):
            passed = time.monotonic() - begun
            if waits == {"0"} and passed > 4:  # a kernel that does not tell
                return
            self.assertLess(passed, PATIENCE, "nobody reads the pipe")
            time.sleep(0.01)

    def test_a_lookup_that_hangs_delays_no_server_that_is_watched(self):
        """A pipe takes the place of /etc/hosts: who opens it waits for ever."""
        server = self.server(4243)
        pipe = self.dir / "hosts"
        os.mkfifo(pipe)
        os.utime(pipe, (time.time() + 3600,) * 2)  # newer c-ares reads a file again when it has changed
        if not os.path.exists("/etc/hosts"):  # a root made anew: nothing can be mounted on nothing
            with open("/etc/hosts", "w", encoding="ascii") as hosts:  # c-ares 1.18 leaks with an empty one
                hosts.write("127.0.0.1 localhost\n::1 localhost\n")
        lb = Lb([*private_mounts(), QHCP, "lb", "--servers", "127.0.0.1:4243,slow.invalid:4243",
                 "--port", str(free_port()), "--status-format", "json", "--check-interval", "1",
                 "--liveness-interval", "200ms", "--min-silence", "500ms", "--reconnect-interval", "1"],
                name="a lookup hangs", log=self.dir / "log", env=self.env())
        self.addCleanup(lb.close)
        lb.wait_event("up", within=10)
        lb.wait_event("down", within=20, address="slow.invalid:4243")
        there = ("nsenter", "-t", str(lb.pid), "-m", "--root")
        run(*there, "mount", "--bind", str(pipe), "/etc/hosts")
        try:
            self.wait_hangs(lb.pid)  # it is asked for again
            at, _ = lb.wait_status(lambda s: s["up"] == 1, within=5, since=len(lb.lines) + 1)
            server.kill()
            lb.wait_event("down", within=10, address="127.0.0.1:4243", since=at)
        finally:
            run(*there, "umount", "-l", "/etc/hosts")
        self.assert_stops(lb)
        self.assertIn("leaving without an answer", lb.story())

    def test_the_same_place_twice_is_refused(self):
        for twice in ("localhost:4243,localhost:4243", "LOCALHOST:4243,localhost:4243"):
            status, _, err = self.qhcp("lb", "--servers", twice)
            self.assertNotEqual(status, 0)
            self.assertIn("localhost:4243", err)
            self.assertIn("in the list twice", err)
