"""Sinks for a real HAProxy: what `qhcp lb` knows is what HAProxy does."""

import contextlib
import signal
import socket
import time

from lib.admin import AdminCase, ask
from lib.case import free_port
from lib.haproxy import Haproxy
from lib.process import PATIENCE
from lib.raw import wait_log

AGENT = ("  server {name} 127.0.0.1:{data} weight 100 check inter 1s agent-check agent-inter 100ms agent-addr 127.0.0.1 "
         "agent-port {port} agent-send \"be/{name}\\n\"\n")


def ask_agent(port, line):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        s.sendall(line)
        answer = b""
        with contextlib.suppress(ConnectionResetError):  # how it ends where many ask
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

    def wait_said(self, port, beginning):
        """The sink hears of a verdict after the log."""
        end = time.monotonic() + PATIENCE
        while not (said := ask_agent(port, b"127.0.0.1:4243\n")).startswith(beginning):
            self.assertLess(time.monotonic(), end, said)
            time.sleep(0.01)

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
        self.wait_said(other, "ready up")
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
        config.write_text("sinks: ['haproxi 4281']\n", encoding="utf-8")
        lb.send(signal.SIGHUP)
        wait_log(lb, "is not a kind of sink", 10)
        wait_log(lb, f"sink haproxy-agent {self.port}: works again", 10)
        self.wait_said(self.port, "ready up")
        self.assert_stops(lb)

    def test_what_does_not_start_ends_the_start(self):
        with socket.create_server(("127.0.0.1", self.port)):
            status, _, errors = self.qhcp("lb", "--servers", "127.0.0.1:4243", "--port", free_port(), "--admin", "off",
                                          "--sink", f"haproxy-agent {self.port}")
        self.assertEqual(status, 1, errors)
        self.assertIn(f"cannot listen at 127.0.0.1:{self.port}: Address already in use", errors)


class RuntimeApi(AdminCase):
    def setUp(self):
        super().setUp()
        self.socket = self.dir / "admin.sock"
        data = socket.create_server(("127.0.0.1", 0))  # where connections would go
        self.addCleanup(data.close)
        self.data = data.getsockname()[1]

    def watch(self, names, sink, *more):
        servers = [self.server(4243 + i) for i, _ in enumerate(names)]
        listed = [f"127.0.0.1:{4243 + i} name={name}" for i, name in enumerate(names)]
        lb = self.lb(listed, "--no-forward", "--admin", f"unix:{self.socket}", "--panic-threshold", "0", "--sink", sink, *more)
        for i, _ in enumerate(names):
            lb.wait_event("up", within=10, address=f"127.0.0.1:{4243 + i}")
        return servers, lb

    def backend(self, *lines):
        return "backend be\n" + "".join(f"  server {line.format(data=f'127.0.0.1:{self.data}')}\n" for line in lines)

    def test_verdicts_and_wishes_reach_haproxy(self):
        h = Haproxy(self, self.backend("web1 {data} weight 100 check inter 100ms", "web2 {data} weight 100", "other {data}"))
        servers, lb = self.watch(["web1", "web2"], f"haproxy {h.socket} backend=be weights=no")
        wait_log(lb, "1 server of backend .be. is left as it is: no server here has the name .other.", 10)
        for server, name in zip(servers, ("web1", "web2")):
            server.kill()
            h.wait_servers(lambda s: s[name]["status"].startswith("DOWN"))
        for port, name, status in ((4243, "web1", "UP"), (4244, "web2", "no check")):
            self.server(port)
            h.wait_servers(lambda s: s[name]["status"] == status)
        for wish, status in (("drain", "DRAIN"), ("maintenance", "MAINT"), ("undrain", "UP")):
            self.post(f"/api/v1/servers/web1/{wish}")
            h.wait_servers(lambda s: s["web1"]["status"].startswith(status))
        self.assertEqual(ask(self.socket, "GET", "/api/v1/sinks").json["sinks"][0]["reason"], "")
        self.assert_stops(lb)

    def test_a_haproxy_that_was_reloaded_is_told_again(self):
        h = Haproxy(self, self.backend("web1 {data} weight 100 check inter 100ms"), master=True)
        h.wait_servers(lambda s: s["web1"]["status"] == "UP")
        (server,), lb = self.watch(["web1"], f"haproxy {h.socket} backend=be")
        server.kill()
        h.wait_servers(lambda s: s["web1"]["status"].startswith("DOWN"))
        before = h.ask("show info").split("Pid: ")[1].split()[0]
        h.send(signal.SIGUSR2)
        wait_log(lb, "HAProxy is a new process", 10)
        h.wait_servers(lambda s: s["web1"]["status"].startswith("DOWN") and f"Pid: {before}\n" not in h.ask("show info"))
        h.kill()
        wait_log(lb, "is HAProxy running?", 10)

    def test_servers_come_and_go(self):
        h = Haproxy(self, "frontend fe\n  bind 127.0.0.1:4299\n  default_backend be\nbackend be\n  balance roundrobin\n")
        listed = self.dir / "servers.txt"
        web = "".join(f"127.0.0.1:{4243 + i} name=web{i} service=tcp:{self.data}\n" for i in (1, 2))
        listed.write_text(web, encoding="utf-8")
        for port in (4244, 4245):
            self.server(port)
        lb = self.start("lb", "--port", free_port(), "--no-forward", "--admin", "off", "--source", f"file {listed}", "--sink", f"haproxy {h.socket} backend=be weights=no manage=yes add='check inter 100ms weight 50'")
        h.wait_servers(lambda s: len(s) == 2 and all(r["status"] == "UP" and r["weight"] == "50" for r in s.values()))
        clients = [socket.create_connection(("127.0.0.1", 4299)) for _ in range(2)]
        h.wait_servers(lambda s: all(r["scur"] == "1" for r in s.values()))
        (self.dir / "new").write_text(web.split("\n", maxsplit=1)[0] + "\n", encoding="utf-8")
        (self.dir / "new").rename(listed)
        h.wait_servers(lambda s: s["web2"]["status"].startswith("MAINT") and s["web2"]["scur"] == "1")
        for client in clients:
            client.close()
        h.wait_servers(lambda s: list(s) == ["web1"])
        self.assert_stops(lb)

    def test_what_haproxy_has_under_another_name_is_not_added_again(self):
        h = Haproxy(self, "backend be\n  balance roundrobin\n" + "".join(f"  server {n} 127.0.0.1:{self.data}\n" for n in ("srv1", "web2")))
        listed, names = self.dir / "servers.txt", ("web1", "be.web2", "web3")
        listed.write_text("".join(f"127.0.0.1:{4243 + i} name={n} service=tcp:{self.data}\n" for i, n in enumerate(names)), encoding="utf-8")
        for i, _ in enumerate(names):
            self.server(4243 + i)
        lb = self.lb([f"@{listed}"], "--no-forward", "--admin", "off", "--sink", f"haproxy {h.socket} backend=be manage=yes names=web1=srv1,web3=srv3")
        h.wait_servers(lambda s: "srv3" in s)  # the last one that is added
        lb.wait_status(lambda s: s["sinks"][0]["held"] == 0 and s["sinks"][0]["successes"] > 2, within=10)
        self.assertEqual(sorted(h.servers()), ["srv1", "srv3", "web2"])
        self.assert_stops(lb)

    def test_a_haproxy_that_misbehaves_is_said(self):
        place = self.dir / "h.sock"
        _, lb = self.watch(["web1"], f"haproxy {place} backend=be every=100ms")
        wait_log(lb, "there is no such socket", 10)
        info = b"Name: HAProxy\nPid: 7\nStart_time_sec: 1795851486\nStopping: 0\n\n"
        other = info.replace(b"7", b"8")
        state = (b"1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change ...\n"
                 b"2 be 1 %s 127.0.0.1 2 0 1 100 2 1 0 2 0 0 0 0 - 9701 - 0 0 - - 0\n\n")
        with socket.socket(socket.AF_UNIX) as fake:
            fake.bind(str(place))
            fake.listen()
            fake.settimeout(20)
            for answers, words in (([b"HTTP/1.1 400\r\n\r\n\n\n"], "no answer of HAProxy: "),
                                   ([b""], "closed without an answer"),
                                   ([info + b"Can't find backend.\n\n"], "HAProxy has no backend"),
                                   ([info + state % b"db1"], "no server of HAProxy's backend be has the name of one here"),
                                   ([other, other + state % b"web1", other + b"Permission denied\n\n"], "its stats socket needs"),
                                   ([info, info + state % b"web1", info], "has answered 0 of 1 commands"),
                                   ([None], "has not answered within 2 s")):
                for answer in answers:
                    client, _ = fake.accept()
                    client.settimeout(20)
                    client.recv(65536)
                    if answer is not None:
                        client.sendall(answer)
                        client.close()
                wait_log(lb, words, 10)
        self.assertEqual(lb.events()[-1]["to"], "up")


class OfTheServer(AdminCase):
    def test_a_server_answers_for_itself(self):
        port = free_port()
        server = self.server(4243, "--haproxy-agent", port)
        wait_log(server, "listening on UDP", 10)
        data = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(data.close)
        h = Haproxy(self, f"backend be\n  server web1 127.0.0.1:{data.getsockname()[1]} check inter 1s weight 100 agent-check agent-inter 100ms agent-port {port}\n")
        h.wait_servers(lambda s: s["web1"]["agent_status"] == "L7OK" and s["web1"]["status"] == "UP")
        for wish, status in (("drain", "DRAIN"), ("maintenance", "MAINT"), ("serving", "UP")):
            self.assertEqual(self.qhcp("control", wish)[::2], (0, ""))
            h.wait_servers(lambda s: s["web1"]["status"].startswith(status))
        self.assertRegex(ask_agent(port, b"anything\n"), r"^ready up \d+%\n$")
        self.assert_stops(server)
