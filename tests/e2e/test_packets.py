"""What a check costs, as the kernel and the server's end count it."""

from lib.case import Case


class Packets(Case):
    def test_a_check_costs_two_packets_with_both_intervals_at_one_second(self):
        server_ns, lb_ns = self.namespace("server"), self.namespace("lb")
        lb_ns.link(server_ns, "10.77.0.1/24", "10.77.0.2/24")
        self.server(4243, namespace=server_ns)
        lb = self.lb(["10.77.0.2:4243"], "--check-interval", "1", "--liveness-interval", "1",
                     namespace=lb_ns)
        at, _ = lb.wait_event("up", within=10)
        at, start = lb.wait_status(lambda s: s["servers"][0]["checks_ok"] >= 5, 10, since=at)
        server_ns.count_udp()
        first = start["servers"][0]["checks_ok"]
        at, end = lb.wait_status(lambda s: s["servers"][0]["checks_ok"] >= first + 30, 45, since=at)
        packets = sum(server_ns.udp_packets())
        checks = end["servers"][0]["checks_ok"] - first
        print(f"# {packets} packets for {checks} checks: {packets / checks:.3f} a check", flush=True)
        self.assertEqual([e["to"] for e in lb.events()], ["up"])
        self.assertGreaterEqual(packets, 2 * checks - 2, "the counter does not see the checks")
        self.assertLessEqual(packets / checks, 2.1)
