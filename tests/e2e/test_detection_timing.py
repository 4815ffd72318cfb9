"""The detector in real processes, where a machine that is busy would give another verdict."""

import signal
import time

from lib.case import SLOW
from lib.fleet import CROWD, PORTS, FleetCase


class Timing(FleetCase):
    def test_half_a_fleet_that_stalls_for_a_moment_is_not_called_dead(self):
        """As when a processor of their machine stands still: together, and once more soon after."""
        servers, lb, _ = self.crowd("--flap-hold", "0")

        def stalls():
            before = len(self.downs(lb))
            for _ in range(6):
                for server in servers[::2]:
                    server.send(signal.SIGSTOP)
                time.sleep(0.09)
                for server in servers[::2]:
                    server.send(signal.SIGCONT)
                time.sleep(0.5)
                lb.wait_status(lambda s: s["local_score"] == 0 and s["up"] == len(CROWD), 10, len(lb.lines))
            self.assertEqual(self.downs(lb)[before:], [])

        self.try_again(stalls, tries=2)

    def test_half_a_fleet_that_does_not_wake_again_is_down_a_second_later(self):
        servers, lb, _ = self.crowd("--flap-hold", "0")

        def down():
            at, begun = len(lb.lines), time.monotonic()
            for server in servers[::2]:
                server.send(signal.SIGSTOP)
            for port in CROWD[::2]:
                lb.wait_event("down", within=5, address=f"127.0.0.1:{port}", since=at)
            took = time.monotonic() - begun
            for server in servers[::2]:
                server.send(signal.SIGCONT)
            lb.wait_status(lambda s: s["up"] == len(CROWD), 10, len(lb.lines))
            return took

        self.assert_soon(down, 1.75 * SLOW, tries=6)

    def test_why_it_was_down_is_known_afterwards_and_it_comes_back_gently(self):
        server_ns, lb, _ = self.fleet("--slow-start", "3s", "--flap-hold", "0", quick=True)
        address = "10.79.0.2:4301"

        def back(status):
            return [s for s in status["servers"] if s["address"] == address][0]

        def falls_and_returns():
            at = len(lb.lines)
            with server_ns.drop("udp dport 4301"):
                begun = time.monotonic()
                at, down = lb.wait_event("down", within=5, address=address, since=at)
                took = time.monotonic() - begun
            self.assertRegex(down["evidence"], r"^\d+ missed in \d+ ms \(needed for a verdict: \d+ misses over \d+ ms\); ")
            at, up = lb.wait_event("up", within=10, address=address, since=at)
            self.assertNotIn("evidence", up)
            at, status = lb.wait_status(lambda s: 0 < back(s)["own_share"] < 1000, within=3, since=at)
            self.assertRegex(back(status)["evidence"],
                             r"^\d+ missed in \d+ ms \(needed for a verdict: \d+ misses over \d+ ms\); .*srtt .*loss .*"
                             r"checks: \d+ ms before: (\d|missed).*missed")
            lb.wait_status(lambda s: back(s)["own_share"] == 1000, within=10, since=at)
            return took

        self.assert_soon(falls_and_returns, 1 * SLOW)
        self.assertIn("missed in", lb.errors())  # the log of the event

    def test_errors_meant_for_others_cost_a_server_no_check(self):
        """Each ICMP error for a dead server waits on the one socket, where the next send to a living one
        finds it."""
        server_ns, lb, at = self.fleet("--reconnect-interval", "1s", "--liveness-interval", "20ms",
                                       "--status-interval", "100ms", quick=True)
        for server in self.servers[1:]:
            server.kill()
        for port in PORTS[1:]:
            lb.wait_event("down", within=5, address=f"10.79.0.2:{port}", since=at)

        def figures():
            status = lb.wait_status(lambda s: True, 5, since=len(lb.lines))[1]
            living = status["servers"][0]
            self.assertEqual((living["state"], living["fails"]), ("up", 0), status)
            return living["checks_sent"], living["checks_ok"]

        def three_seconds():
            deadline, before = time.monotonic() + 3, figures()
            while time.monotonic() < deadline:  # they are knocked at and dialled all the time
                after = figures()
            self.assertGreater(after[1] - before[1], 75)
            self.assertLessEqual(after[0] - before[0] - (after[1] - before[1]), 2)

        self.try_again(three_seconds)

    def test_a_fleet_that_falls_silent_at_once_for_two_seconds_is_not_called_dead(self):
        server_ns, lb, _ = self.fleet("--flap-hold", "0", quick=True)

        def silent():
            at, before = len(lb.lines), len(self.downs(lb))
            with server_ns.drop("udp dport 4301-4306"):
                at, _ = lb.wait_status(lambda s: s["local_score"] > 0, within=5, since=at)
                time.sleep(1)
            lb.wait_status(lambda s: s["local_score"] == 0 and s["up"] == len(PORTS), 15, since=len(lb.lines))
            self.assertEqual(self.downs(lb)[before:], [])

        self.try_again(silent)
