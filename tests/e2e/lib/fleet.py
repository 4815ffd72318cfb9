"""What the tests of the detector have in common: several servers and their load balancer."""

from lib.case import SLOW, Case
from lib.raw import wait_log

PORTS = range(4301, 4307)
CROWD = range(4321, 4341)


class FleetCase(Case):
    def fleet(self, *arguments, quick=False):
        """Six servers and their load balancer, over a link: (server namespace, load balancer, index
        of the line by which all are up)."""
        server_ns, lb_ns = self.namespace("servers"), self.namespace("lb")
        lb_ns.link(server_ns, "10.79.0.1/24", "10.79.0.2/24")
        self.servers = [self.server(port, namespace=server_ns) for port in PORTS]
        for server in self.servers:  # one that does not listen yet is down, and rightly
            wait_log(server, "listening on UDP", 20 * SLOW)
        self.lb_ns = lb_ns
        if "--liveness-interval" not in arguments:
            arguments += ("--liveness-interval", "100ms")
        lb = self.lb([f"10.79.0.2:{port}" for port in PORTS], *arguments, namespace=lb_ns, quick=quick)
        at, _ = lb.wait_status(lambda s: s["up"] == len(PORTS), within=15)
        return server_ns, lb, at

    def crowd(self, *arguments):
        """Twenty servers on this machine: (servers, load balancer, index of the line: all are up)."""
        servers = [self.server(port) for port in CROWD]
        for server in servers:
            wait_log(server, "listening on UDP", 20 * SLOW)
        lb = self.lb([f"127.0.0.1:{port}" for port in CROWD], "--liveness-interval", "100ms",
                     "--status-interval", "200ms", *arguments, quick=True)
        at, _ = lb.wait_status(lambda s: s["up"] == len(CROWD), within=30)
        return servers, lb, at

    def downs(self, lb):
        return [e for e in lb.events() if e["to"] == "down"]
