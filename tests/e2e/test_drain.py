"""Stopping in good order: the server's way and the load balancer's."""

import signal
import time

from lib.case import SLOW, Case


class Drain(Case):
    def test_a_stopping_server_tells_all_load_balancers_and_leaves_after_the_last_ack(self):
        lbs = [self.lb(["127.0.0.1:4243"], "--flap-hold", "0") for _ in range(2)]

        def left():
            server, at = self.server(4243), [len(lb.lines) for lb in lbs]
            at = [lb.wait_event("up", within=10, since=i)[0] for lb, i in zip(lbs, at)]
            start = time.monotonic()
            self.assertEqual(server.stop(signal.SIGTERM, 5 * SLOW), 0, server.story())
            took = time.monotonic() - start
            for lb, i in zip(lbs, at):
                i, draining = lb.wait_event("draining", within=2, since=i)
                self.assertEqual(draining["reason"], "server is draining: SIGTERM")
                _, down = lb.wait_event("down", within=2, since=i)
                self.assertEqual((down["from"], down["reason"]), ("draining", "server stopped"))
            return took

        self.assert_soon(left, 1 * SLOW)  # nobody had traffic: no reason to wait

    def test_a_server_that_nobody_watches_leaves_at_once(self):
        def left():
            server = self.server(4243)
            self.assertEqual(self.qhcp("check", "127.0.0.1:4243")[0], 0)
            start = time.monotonic()
            self.assertEqual(server.stop(signal.SIGTERM, 5 * SLOW), 0, server.story())
            return time.monotonic() - start

        self.assert_soon(left, 1 * SLOW)

    def test_a_load_balancer_that_is_gone_holds_a_server_no_longer_than_the_drain_timeout(self):
        server_ns, lb_ns = self.namespace("server"), self.namespace("lb")
        lb_ns.link(server_ns, "10.77.0.1/24", "10.77.0.2/24")
        lb = self.lb(["10.77.0.2:4243"], "--flap-hold", "0", namespace=lb_ns)

        def held():
            server, at = self.server(4243, "--drain-timeout", "2", namespace=server_ns), len(lb.lines)
            lb.wait_event("up", within=10, since=at)
            with lb_ns.drop("udp sport 4243"), server_ns.drop("udp dport 4243"):
                start = time.monotonic()
                self.assertEqual(server.stop(signal.SIGTERM, 10 * SLOW), 0, server.story())
                took = time.monotonic() - start
            self.assertGreaterEqual(took, 1.9)
            return took

        self.assert_soon(held, 2 + 1 * SLOW)

    def test_a_load_balancer_that_was_killed_and_its_restart_hold_no_server(self):
        server = self.server(4243, "--drain-timeout", "10m")
        lb = self.lb(["127.0.0.1:4243"])
        lb.wait_event("up", within=10)
        lb.kill()
        self.lb(["127.0.0.1:4243"]).wait_event("up", within=10)
        self.assertEqual(server.stop(signal.SIGTERM, 60 * SLOW), 0, server.story())
        words = server.errors()
        self.assertIn("telling 2 load balancers", words)
        self.assertTrue("does not answer" in words, words)

    def test_a_stopping_load_balancer_takes_leave_and_a_second_is_not_disturbed(self):
        server = self.server(4243, "--log-level", "debug")
        second = self.lb(["127.0.0.1:4243"])
        second.wait_event("up", within=10)

        def left():
            first = self.lb(["127.0.0.1:4243"])
            first.wait_event("up", within=10)
            start = time.monotonic()
            self.assertEqual(first.stop(signal.SIGTERM, 5 * SLOW), 0, first.story())
            return time.monotonic() - start

        self.assert_soon(left, 1 * SLOW)
        n = len(second.lines)
        second.wait_status(lambda s: s["up"] == 1, within=3, since=n)
        self.assertEqual([e["to"] for e in second.events()], ["up"])
        self.assertIn("leaves", server.errors())

    def test_a_restart_that_was_no_verdict_is_an_event_from_up_to_up(self):
        server = self.server(4243)
        lb = self.lb(["127.0.0.1:4243"], "--liveness-interval", "3", "--status-interval", "100ms")
        at, _ = lb.wait_event("up", within=10)
        at, status = lb.wait_status(lambda s: s["servers"][0]["checks_ok"] >= 2, 10, since=at)
        before = status["servers"][0]["checks_ok"]
        at, _ = lb.wait_status(lambda s: s["servers"][0]["checks_ok"] > before, 10, since=at)
        server.kill()  # just after a check: the new one has nearly three seconds to be there
        self.server(4243)
        at, event = lb.wait_json(lambda j: j["type"] == "event", within=10, since=at)
        self.assertEqual((event["from"], event["to"], event["reason"]), ("up", "up", "restarted"))
