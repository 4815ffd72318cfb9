"""The admin interface: what it shows, to whom, and what it refuses."""

import json
import os
import socket
from contextlib import closing

from lib.admin import AdminCase, ask, connect
from lib.case import SLOW

NAME = "127.0.0.1:4243"
SERVER = f"/api/v1/servers/{NAME}"


class Shown(AdminCase):
    def test_a_server_with_what_is_wanted_said_and_found(self):
        server, lb = self.pair()
        listed = self.get("/api/v1/servers").json
        one, = listed["servers"]
        self.assertIsNone(listed["next"])
        self.assertEqual(one["name"], NAME)
        self.assertEqual((one["state"], one["cause"], one["reason"]), ("up", "none", ""))
        self.assertEqual((one["intent"]["use"], one["report"]["status"], one["verdict"]["state"]),
                         ("in_use", "serving", "up"))
        self.assertIn("cpu_usage_percent", one["report"]["metrics"])
        self.assertEqual(self.get(SERVER).json["name"], NAME)
        server.kill()
        lb.wait_event("down", within=10)
        one = self.get(SERVER).json
        self.assertEqual((one["state"], one["verdict"]["state"], one["verdict"]["own_share"]),
                         ("down", "down", 0))
        self.assertIn(one["cause"], ("silence", "unreachable"))
        self.assertNotEqual(one["verdict"]["evidence"], "")
        self.assertGreater(one["since"], listed["servers"][0]["since"])

    def test_figures_are_fresh_for_whoever_looks(self):
        self.pair("--status-interval", "1h")
        with closing(connect(self.PORT, timeout=20)) as connection:
            seen = set()
            while len(seen) < 3:
                connection.request("GET", SERVER)
                seen.add(json.loads(connection.getresponse().read())["verdict"]["checks_ok"])

    def test_a_list_by_state_by_name_and_in_pages(self):
        self.server(4243)
        names = [NAME, "127.0.0.1:1", "127.0.0.1:2"]
        self.lb(names, "--admin", f"127.0.0.1:{self.PORT}").wait_status(
            lambda j: [s["state"] for s in j["servers"]] == ["up", "down", "down"], within=10)

        def listed(query):
            return [s["name"] for s in self.get("/api/v1/servers" + query).json["servers"]]

        self.assertEqual(listed("?state=down"), names[1:])
        self.assertEqual(listed("?state=up,degraded"), names[:1])
        self.assertEqual(listed("?q=:424"), names[:1])
        self.assertEqual(listed("?q=nothing"), [])
        pages, after = [], 0
        while after is not None:
            page = self.get(f"/api/v1/servers?limit=1&after={after}").json
            pages.append([s["name"] for s in page["servers"]])
            after = page["next"]
        self.assertEqual(pages, [[n] for n in names])

    def test_the_load_balancer_itself(self):
        server, _ = self.pair("--id", "lb-of-the-test")
        shown = self.get("/api/v1/self").json
        self.assertEqual((shown["id"], shown["status"], shown["ready"]), ("lb-of-the-test", "ok", True))
        self.assertEqual(shown["servers"]["up"], 1)
        self.assertEqual(self.get("/healthz").json, {"status": "ok", "reason": ""})
        self.assertEqual(self.get("/readyz").status, 200)
        del server

    def test_it_is_not_ready_before_each_server_is_known(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 4243))
            self.lb(["127.0.0.1:1", NAME], "--admin", f"127.0.0.1:{self.PORT}").wait_event("down", within=10)
            answer = self.get("/readyz")
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.json, {"status": "starting", "reason": "1 of 2 servers are not known yet"})


class Refused(AdminCase):
    def test_what_is_not_there_and_what_is_not_meant(self):
        self.pair()
        for path in ("/api/v1/servers/nobody:1", "/../etc/passwd", "/api/v1/servers/%2e%2e%2f", "/api/v1/",
                     "/api/v1/servers/a/b", "//"):
            with self.subTest(path):
                self.assertEqual(self.get(path).status, 404)
        for path in ("/healthz%00", "/healthz%zz", "/healthz%"):
            with self.subTest(path):
                self.assertEqual(self.get(path).error()[0], "bad_uri")
        for query, words in (("?x=1", '"x" is not a parameter'), ("?state=ill", '"ill" is not a state'),
                             ("?limit=0", "limit: "), ("?limit=1&limit=2", "twice"), ("?limit", "no value")):
            with self.subTest(query):
                answer = self.get("/api/v1/servers" + query)
                self.assertEqual((answer.status, answer.error()[0]), (400, "bad_query"))
                self.assertIn(words, answer.error()[1])
        answer = ask(self.PORT, "DELETE", "/api/v1/servers")
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET, HEAD"))

    def test_a_page_of_another_site(self):
        self.pair()
        for host in ("evil.example", f"evil.example:{self.PORT}", "localhost.evil.example"):
            answer = self.get("/api/v1/self", Host=host)
            self.assertEqual((answer.status, answer.error()[0]), (403, "bad_host"))
        self.assertEqual(self.get("/api/v1/self", Host=f"localhost:{self.PORT}").status, 200)
        answer = self.get("/api/v1/self", Origin="http://evil.example")
        self.assertEqual((answer.status, answer.error()[0]), (403, "bad_origin"))
        self.assertEqual(self.get("/api/v1/self", Origin=f"http://127.0.0.1:{self.PORT}").status, 200)

    def test_what_is_too_large(self):
        self.pair()
        self.assertIn(self.get("/healthz", X_Large="x" * 20000).status, (413, 431))
        answer = ask(self.PORT, "GET", "/healthz", b"x" * 10, Content_Length=None)
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.get("/healthz", Content_Length=str(2 << 20)).status, 413)

    def test_another_user_at_the_socket(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        self.pair()
        os.chmod(self.dir, 0o755)
        os.chmod(self.socket, 0o666)
        child = os.fork()
        if child == 0:
            os.setuid(65534)
            got = b"no answer"
            try:
                with socket.socket(socket.AF_UNIX) as s:
                    s.settimeout(10)
                    s.connect(str(self.socket))
                    s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                    got = s.recv(100)
            except ConnectionError:
                got = b""
            finally:
                os._exit(0 if got == b"" else 1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        self.assertEqual(ask(self.socket, "GET", "/healthz").status, 200)


class Places(AdminCase):
    def test_a_given_port_in_use_is_an_error_and_the_default_one_a_warning(self):
        with socket.create_server(("127.0.0.1", 4280)):
            status, _, said = self.qhcp("lb", "--servers", NAME, "--no-forward", "--admin", "127.0.0.1:4280")
            self.assertEqual(status, 1)
            self.assertIn("TCP port 4280 is in use", said)
            lb = self.start("lb", "--servers", NAME, "--no-forward", "--port", "4299", "--status-format",
                            "events")
            lb.wait_line(lambda line: "down" in line, within=10 * SLOW)
            self.assertIn("no admin interface there: TCP port 4280 is in use", lb.errors())
            self.assertEqual(ask(self.state / "admin-4299.sock", "GET", "/readyz").status, 200)
            self.assert_stops(lb)
        self.assertFalse((self.state / "admin-4299.sock").exists())

    def test_what_is_not_on_this_machine_alone(self):
        status, _, said = self.qhcp("lb", "--servers", NAME, "--admin", "0.0.0.0:4280")
        self.assertEqual(status, 2)
        self.assertIn("0.0.0.0:4280", said)

    def test_the_one_that_takes_over_has_the_addresses(self):
        self.server(4243)
        arguments = ("--admin", f"127.0.0.1:{self.PORT}", "--admin", f"unix:{self.dir}/a.sock")
        first = self.lb([NAME], *arguments, port=4250)
        first.wait_event("up", within=10)
        second = self.lb([NAME], *arguments, "--take-over", port=4250)
        self.assertIn(first.wait(within=20 * SLOW), (0,))
        second.wait_event("up", within=10)
        for where in (self.PORT, self.dir / "a.sock"):
            self.assertEqual(self._process(where, second.pid), second.pid)

    def _process(self, where, wanted):
        """Of the load balancer that answers there; it may still be on its way."""
        while True:
            try:
                found = ask(where, "GET", "/api/v1/self").json["process"]
                if found == wanted:
                    return found
            except (ConnectionError, FileNotFoundError):
                pass
