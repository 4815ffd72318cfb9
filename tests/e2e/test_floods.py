"""Strangers that send without end: to a load balancer's own port, and as if they were one."""

import os
import signal
import subprocess
import time
import unittest

from lib.case import SLOW, Case
from lib.net import die_with_parent

FLOOD = os.environ.get("QHCP_FLOOD", "")
LB, SERVER = 4242, 4243
RATE = 20000


@unittest.skipUnless(FLOOD, "this build has no flood (QHCP_FLOOD is not set)")
class Floods(Case):
    def setUp(self):
        super().setUp()
        self.needs_namespaces()

    def flood(self, kind, port, *source):
        child = subprocess.Popen([FLOOD, kind, f"127.0.0.1:{port}", str(RATE), "20", *source],
                                 stdout=subprocess.DEVNULL, preexec_fn=lambda: die_with_parent(signal.SIGKILL))
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)

    def watch(self, server):
        lb = self.lb([f"127.0.0.1:{SERVER}"], "--check-interval", "100ms", "--liveness-interval", "100ms",
                     "--flap-hold", "0", "--reconnect-interval", "20", "--no-forward", "--min-silence", "500ms", port=LB)
        index, _ = lb.wait_event("up", 10)
        return lb, index + 1

    def test_a_frozen_server_is_found_while_strangers_flood_the_load_balancer(self):
        server = self.server(SERVER, ip="127.0.0.1")
        lb, since = self.watch(server)
        self.flood("garbage", LB)
        lb.wait_status(lambda s: True, 10, len(lb.lines))
        self.assertEqual([e["to"] for e in lb.events()], ["up"])

        def found():
            since, began = len(lb.lines), time.monotonic()
            server.send(signal.SIGSTOP)
            lb.wait_event("down", 10, since=since)
            took = time.monotonic() - began
            server.send(signal.SIGCONT)  # it is there again, on the same session
            lb.wait_event("up", 10, since=since)
            return took

        self.assert_soon(found, 2 * SLOW)

    def test_who_forges_a_load_balancers_address_hides_no_restart(self):
        server = self.server(SERVER, ip="127.0.0.1")
        lb, since = self.watch(server)
        self.flood("forged", SERVER, f"127.0.0.1:{LB}")
        servers = [server]

        def back():
            since = len(lb.lines)
            servers[-1].kill()
            since, _ = lb.wait_event("down", 10, since=since)
            servers.append(self.server(SERVER, ip="127.0.0.1"))
            began = time.monotonic()
            lb.wait_event("up", 10, since=since)
            return time.monotonic() - began

        self.assert_soon(back, 1 * SLOW)
        self.assert_stops(servers[-1])
