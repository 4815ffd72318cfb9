"""The first thing that QHCP must do: a server is up, is killed, is down with a reason, is started
again, is up.  Over a real link between two network namespaces, and on loopback."""

import time

from lib.case import SLOW, Case


class UpDown(Case):
    def lives_dies_and_comes_back(self, address, port, server_ns=None, lb_ns=None):
        server = self.server(port, namespace=server_ns)
        lb = self.lb([address], namespace=lb_ns)

        at, up = lb.wait_event("up", within=10)
        self.assertEqual(up["address"], address)
        _, status = lb.wait_status(lambda s: s["up"] == 1, within=5, since=at)
        self.assertEqual(status["total"], 1)
        metrics = status["servers"][0]["metrics"]
        self.assertLessEqual({"cpu_usage_percent", "memory_usage_percent"}, set(metrics))
        self.assertNotIn(" warning ", lb.log.read_text())  # there is nothing to warn of

        servers = [server]

        def verdict():
            at = len(lb.lines)
            servers[-1].kill()
            killed = time.monotonic()
            at, down = lb.wait_event("down", within=10, since=at)
            took = time.monotonic() - killed
            self.assertEqual((down["from"], down["address"]), ("up", address))
            self.assertNotEqual(down["reason"], "")
            servers.append(self.server(port, namespace=server_ns))
            lb.wait_event("up", within=10, since=at)
            return took

        self.assert_soon(verdict, 2 * SLOW)
        at, again = lb.wait_event("up", within=10, since=at + 1)
        self.assertEqual(again["address"], address)
        lb.wait_status(lambda s: s["up"] == 1, within=5, since=at)
        self.assert_stops(lb)

    def test_a_killed_server_is_down_with_a_reason_and_up_again_over_a_link(self):
        server_ns, lb_ns = self.namespace("server"), self.namespace("lb")
        lb_ns.link(server_ns, "10.77.0.1/24", "10.77.0.2/24")
        self.lives_dies_and_comes_back("10.77.0.2:4243", 4243, server_ns, lb_ns)

    def test_a_killed_server_is_down_with_a_reason_and_up_again_on_loopback(self):
        self.lives_dies_and_comes_back("127.0.0.1:4243", 4243)

    def test_a_server_that_is_cut_off_is_down_for_want_of_answers(self):
        server_ns, lb_ns = self.namespace("server"), self.namespace("lb")
        lb_ns.link(server_ns, "10.77.0.1/24", "10.77.0.2/24")
        self.server(4243, namespace=server_ns)
        lb = self.lb(["10.77.0.2:4243"], namespace=lb_ns)
        at, _ = lb.wait_event("up", within=10)
        with server_ns.drop("udp dport 4243"):
            at, down = lb.wait_event("down", within=10, since=at)
        self.assertRegex(down["reason"], r"no answer to \d+ checks? in ")
        lb.wait_event("up", within=10, since=at)
