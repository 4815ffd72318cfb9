"""The detector in real processes, where a machine that is busy would give another verdict."""

import signal
import time

from lib.case import SLOW
from lib.fleet import CROWD, PORTS, FleetCase


class Timing(FleetCase):
    def test_half_a_fleet_that_stalls_for_a_moment_is_not_called_dead(self):
        """As when a processor of their machine stands still: together, and once more soon after."""
        servers, lb, at = self.crowd()
        for _ in range(6):
            for server in servers[::2]:
                server.send(signal.SIGSTOP)
            time.sleep(0.09)
            for server in servers[::2]:
                server.send(signal.SIGCONT)
            time.sleep(0.5)
            lb.wait_status(lambda s: s["local_score"] == 0 and s["up"] == len(CROWD), 10, len(lb.lines))
        self.assertEqual(self.downs(lb), [])

    def test_half_a_fleet_that_does_not_wake_again_is_down_a_second_later(self):
        servers, lb, at = self.crowd()
        begun = time.monotonic()
        for server in servers[::2]:
            server.send(signal.SIGSTOP)
        for port in CROWD[::2]:
            lb.wait_event("down", within=5, address=f"127.0.0.1:{port}", since=at)
        self.assertLess(time.monotonic() - begun, 1.75 * SLOW)
        for server in servers[::2]:
            server.send(signal.SIGCONT)

    def test_why_it_was_down_is_known_afterwards_and_it_comes_back_gently(self):
        server_ns, lb, at = self.fleet("--slow-start", "3s")
        with server_ns.drop("udp dport 4301"):
            begun = time.monotonic()
            at, down = lb.wait_event("down", within=5, since=at)
            self.assertLess(time.monotonic() - begun, 1 * SLOW)
        self.assertRegex(down["evidence"], r"^\d+ missed in \d+ ms \(needed for a verdict: \d+ misses over \d+ ms\); ")
        at, up = lb.wait_event("up", within=10, address=down["address"], since=at)
        self.assertNotIn("evidence", up)

        def back(status):
            return [s for s in status["servers"] if s["address"] == down["address"]][0]

        at, status = lb.wait_status(lambda s: 0 < back(s)["own_share"] < 1000, within=3, since=at)
        self.assertRegex(back(status)["evidence"],
                         r"^\d+ missed in \d+ ms \(needed for a verdict: \d+ misses over \d+ ms\); .*srtt .*loss .*"
                         r"checks: \d+ ms before: (\d|missed).*missed")
        lb.wait_status(lambda s: back(s)["own_share"] == 1000, within=10, since=at)
        self.assertIn("missed in", lb.errors())  # the log of the event

    def test_errors_meant_for_others_cost_a_server_no_check(self):
        """Each ICMP error for a dead server waits on the one socket, where the next send to a living one
        finds it."""
        server_ns, lb, at = self.fleet("--reconnect-interval", "1s", "--liveness-interval", "20ms",
                                       "--status-interval", "100ms")
        for server in self.servers[1:]:
            server.kill()
        for port in PORTS[1:]:
            lb.wait_event("down", within=5, address=f"10.79.0.2:{port}", since=at)
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:  # they are knocked at and dialled all the time
            at, status = lb.wait_status(lambda s: True, 5, since=at + 1)
            living = status["servers"][0]
            self.assertEqual((living["state"], living["fails"]), ("up", 0), status)
        self.assertGreater(living["checks_ok"], 100)
        self.assertLessEqual(living["checks_sent"] - living["checks_ok"], 2)

    def test_a_fleet_that_falls_silent_at_once_for_two_seconds_is_not_called_dead(self):
        server_ns, lb, at = self.fleet()
        with server_ns.drop("udp dport 4301-4306"):
            at, _ = lb.wait_status(lambda s: s["local_score"] > 0, within=5, since=at)
            time.sleep(1)
        lb.wait_status(lambda s: s["local_score"] == 0 and s["up"] == len(PORTS), within=15,
                       since=at)
        self.assertEqual(self.downs(lb), [])
