"""Sinks for a real HAProxy: what `qhcp lb` knows is what HAProxy does."""

import signal
import socket

from lib.admin import AdminCase, ask
from lib.case import free_port
from lib.haproxy import Haproxy
from lib.raw import wait_log

AGENT = ("  server {name} 127.0.0.1:{data} weight 100 check inter 1s agent-check agent-inter 100ms agent-addr 127.0.0.1 "
         "agent-port {port} agent-send \"be/{name}\\n\"\n")


def ask_agent(port, line):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        s.sendall(line)
        answer = b""
        while more := s.recv(1000):
            answer += more
    return answer.decode()


class Agent(AdminCase):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.socket = self.dir / "admin.sock"

    def watch(self, *names, more=()):
        """Servers of these names from port 4243 on, and a load balancer with the agent."""
        servers = [self.server(4243 + i) for i, _ in enumerate(names)]
        listed = [f"127.0.0.1:{4243 + i} name={name}" for i, name in enumerate(names)]
        lb = self.lb(listed, "--no-forward", "--admin", f"unix:{self.socket}", "--panic-threshold", "0",
                     "--sink", f"haproxy-agent {self.port}", *more)
        for i, _ in enumerate(names):
            lb.wait_event("up", within=10, address=f"127.0.0.1:{4243 + i}")
        return servers, lb

    def haproxy(self, *names, **options):
        data = socket.create_server(("127.0.0.1", 0))  # where connections would go
        self.addCleanup(data.close)
        lines = (AGENT.format(name=n, port=self.port, data=data.getsockname()[1]) for n in names)
        return Haproxy(self, "backend be\n" + "".join(lines), **options)

    def test_haproxy_follows_what_the_agent_says(self):
        servers, lb = self.watch("web1", "web2")
        h = self.haproxy("web1", "web2")
        h.wait_servers(lambda s: all(r["status"] == "UP" and r["agent_status"] == "L7OK" for r in s.values()))
        servers[0].kill()
        reason = lb.wait_event("down", within=10)[1]["reason"]
        found = h.wait_servers(lambda s: s["web1"]["status"].startswith("DOWN"))
        self.assertEqual(found["web1"]["last_agt"], f"via agent : down ({reason})")
        self.assertEqual(found["web2"]["status"], "UP")
        self.server(4243)
        h.wait_servers(lambda s: s["web1"]["status"] == "UP")
        self.post("/api/v1/servers/web2/drain")
        h.wait_servers(lambda s: s["web2"]["status"].startswith("DRAIN"))
        self.post("/api/v1/servers/web2/maintenance")
        h.wait_servers(lambda s: s["web2"]["status"].startswith("MAINT"))
        self.post("/api/v1/servers/web2/undrain")
        h.wait_servers(lambda s: s["web2"]["status"] == "UP")
        self.assert_stops(lb)
        self.assertEqual([r["status"] for r in h.servers().values()], ["UP", "UP"])  # whom nobody asks stays as it is

    def test_sinks_follow_a_reload(self):
        other = free_port()
        config = self.dir / "qhcp.yaml"
        config.write_text(f"sinks: ['haproxy-agent {other}']\n", encoding="utf-8")
        self.server(4243)
        lb = self.lb(["127.0.0.1:4243"], "--no-forward", "--config", config, "--admin", f"unix:{self.socket}")
        lb.wait_event("up", within=10)
        self.assertTrue(ask_agent(other, b"127.0.0.1:4243\n").startswith("ready up"))
        with socket.create_server(("127.0.0.1", self.port)):  # in the way
            config.write_text(f"sinks: ['haproxy-agent {other} weights=no', 'haproxy-agent {self.port}']\n", encoding="utf-8")
            lb.send(signal.SIGHUP)
            wait_log(lb, f"sink haproxy-agent {self.port}: cannot listen", 10)
            why = f"cannot listen at 127.0.0.1:{self.port}: Address already in use; choose another port"
            lb.wait_status(lambda s: [x["error"] for x in s["sinks"]] == ["", why], within=10)
            told, failing = ask(self.socket, "GET", "/api/v1/sinks").json["sinks"]
            self.assertEqual((told["failing"], failing["failing"], failing["reason"], failing["last_success"]), (False, True, why, None))
            self.assertIn(f'qhcp_sink_failing{{sink="haproxy-agent {self.port}"}} 1\n', ask(self.socket, "GET", "/metrics").text)
        self.assertEqual(ask_agent(other, b"127.0.0.1:4243\n"), "ready up\n")
        config.write_text("sinks: ['haproxy agent']\n", encoding="utf-8")
        lb.send(signal.SIGHUP)
        wait_log(lb, "is not a kind of sink", 10)
        wait_log(lb, f"sink haproxy-agent {self.port}: works again", 10)
        self.assertTrue(ask_agent(self.port, b"127.0.0.1:4243\n").startswith("ready up"))
        self.assert_stops(lb)

    def test_what_does_not_start_ends_the_start(self):
        with socket.create_server(("127.0.0.1", self.port)):
            status, _, errors = self.qhcp("lb", "--servers", "127.0.0.1:4243", "--port", free_port(), "--admin", "off",
                                          "--sink", f"haproxy-agent {self.port}")
        self.assertEqual(status, 1, errors)
        self.assertIn(f"cannot listen at 127.0.0.1:{self.port}: Address already in use", errors)
