"""--brake: of many servers that are silent at once, few are called down, and everybody sees that the rest is held."""

import json
import signal

from lib.admin import ask
from lib.case import SLOW, Case, free_port
from lib.raw import wait_log


def down(status):
    return sum(server["state"] == "down" for server in status["servers"])


class Brake(Case):
    def fleet(self):
        """Four servers, of which one may be called down for silence within ten minutes."""
        self.ports = [free_port() for _ in range(4)]
        self.servers = [self.server(port, ip="127.0.0.1") for port in self.ports]
        for server in self.servers:
            wait_log(server, "listening on UDP", 10 * SLOW)
        self.port = free_port()
        self.socket = self.state / f"admin-{self.port}.sock"
        self.balancer = self.lb([f"127.0.0.1:{port}" for port in self.ports], "--no-forward", "--brake", "25%/600s",
                                "--status-interval", "100ms", "--admin", f"unix:{self.socket}", port=self.port)
        self.balancer.wait_status(lambda s: s["up"] == 4, 20)
        self.stream = self.start("events", "--follow", "--json", "--port", self.port)

    def wait_brake(self, wanted):
        def is_it(line):
            event = json.loads(line)
            return event["kind"] == "brake" and wanted(event)
        return json.loads(self.stream.wait_line(is_it, 30 * SLOW)[1])

    def metric(self, name):
        return next(float(line.split()[-1]) for line in ask(self.socket, "GET", "/metrics").text.splitlines()
                    if line.startswith(name + " "))

    def test_silent_servers_are_held_and_that_is_an_event_that_begins_and_ends(self):
        self.fleet()
        for server in self.servers[:3]:
            server.send(signal.SIGSTOP)
        event = self.wait_brake(lambda e: e["reason"].startswith("2 servers are silent"))
        self.assertEqual((event["to"], event["cause"], event["server"]), ("holding", "brake", ""))
        at, _ = self.balancer.wait_status(lambda s: s.get("held") == 2 and down(s) == 1, 20)
        self.assertEqual(ask(self.socket, "GET", "/api/v1/self").json["held"], 2)
        self.assertEqual([self.metric("qhcp_lb_brake_held"), self.metric("qhcp_lb_brake_holds_total")], [2, 1])

        def shown():
            status, out, errors = self.qhcp("status", "--port", self.port)
            self.assertEqual(status, 1, errors)  # 2: on a busy machine the load balancer may be late
            self.assertIn("the brake HOLDS servers (--brake): 2", out)

        self.try_again(shown, tries=20)
        for server in self.servers[:3]:
            server.send(signal.SIGCONT)
        event = self.wait_brake(lambda e: e["to"] == "off")
        self.assertEqual(event["from"], "holding")
        self.assertRegex(event["reason"], "^at most [23] servers were held$")
        self.balancer.wait_status(lambda s: s["up"] == 4 and "held" not in s, 30, since=at)
        self.assertEqual(self.metric("qhcp_lb_brake_held"), 0)
        self.assert_stops(self.balancer)
        _, out, errors = self.qhcp("history", "--port", self.port)
        self.assertIn("the brake HOLDS servers: ", out, errors)
        self.assertIn("the brake holds no server any more: at most ", out)

    def test_servers_that_end_are_down_at_once_whatever_the_brake(self):
        """The twin: a closed port needs no guess."""
        self.fleet()
        at = len(self.balancer.lines)
        for server in self.servers[:3]:
            server.kill()
        self.balancer.wait_status(lambda s: down(s) == 3, 20, since=at)
        events = ask(self.socket, "GET", "/api/v1/events").json["events"]
        self.assertEqual([e for e in events if e["kind"] == "brake"], [])
        self.assertEqual([self.metric("qhcp_lb_brake_held"), self.metric("qhcp_lb_brake_holds_total")], [0, 0])
