"""The admin interface: what it shows, to whom, and what it refuses."""

import http.client
import json
import os
import socket
import time
from contextlib import closing

from lib import jwt
from lib.admin import AdminCase, Events, ask, connect
from lib.case import SLOW, Lb

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
        self.lb([NAME, "127.0.0.1:1 tags=a|bc", "127.0.0.1:2 tags=b"], "--admin", f"127.0.0.1:{self.PORT}").wait_status(
            lambda j: [s["state"] for s in j["servers"]] == ["up", "down", "down"], within=10)

        def listed(query):
            return [s["name"] for s in self.get("/api/v1/servers" + query).json["servers"]]

        self.assertEqual(listed("?state=down"), names[1:])
        self.assertEqual(listed("?state=up,degraded"), names[:1])
        self.assertEqual(listed("?q=:424"), names[:1])
        self.assertEqual(listed("?q=nothing"), [])
        self.assertEqual((listed("?since=99999999"), listed("?since=0")), ([], names))
        self.assertEqual([listed(f"?tag={tag}") for tag in ("a", "b", "bc", "c")], [names[1:2], names[2:], names[1:2], []])
        self.assertEqual(self.get("/api/v1/servers?tag=a&fields=tags").json["servers"], [{"tags": ["a", "bc"]}])
        self.assertEqual(self.get("/api/v1/servers?state=up&fields=state,name").json["servers"], [{"name": NAME, "state": "up"}])
        answer = self.get("/api/v1/servers?fields=state,colour")
        self.assertEqual((answer.status, answer.error()[0]), (400, "bad_query"))
        self.assertIn('"colour" is not a member', answer.error()[1])
        pages, after = [], 0
        while after is not None:
            page = self.get(f"/api/v1/servers?limit=1&after={after}").json
            pages.append([s["name"] for s in page["servers"]])
            after = page["next"]
        self.assertEqual(pages, [[n] for n in names])

    def test_the_load_balancer_itself(self):
        server, _ = self.pair("--id", "lb-of-the-test")

        def well():  # (it may be late on a busy machine)
            time.sleep(0.1)
            shown = self.get("/api/v1/self").json
            self.assertEqual((shown["id"], shown["status"], shown["ready"]), ("lb-of-the-test", "ok", True))
            self.assertEqual(shown["servers"]["up"], 1)
            self.assertEqual(self.get("/healthz").json, {"status": "ok", "reason": ""})

        self.try_again(well, tries=100)
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
        answer = ask(self.PORT, "GET", "/readyz", b"x" * 10, Content_Length=None)
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
        self.assertEqual(ask(self.socket, "GET", "/readyz").status, 200)


class Acted(AdminCase):
    def test_drain_maintenance_and_weight_are_in_force_when_they_are_answered(self):
        self.pair()
        shown = self.post(SERVER + "/drain", {"reason": "new disks"}).json
        self.assertEqual((shown["state"], shown["cause"], shown["reason"], shown["share"]),
                         ("draining", "operator", "new disks", 0))
        self.assertEqual((shown["intent"]["use"], shown["verdict"]["state"], shown["report"]["status"]),
                         ("drain", "up", "serving"))
        self.assertRegex(shown["intent"]["who"], r"uid \d+, process \d+ by the socket")
        self.assertEqual(self.post(SERVER + "/undrain").json["state"], "up")
        self.assertEqual(self.post(SERVER + "/weight", {"weight": 0}).json["state"], "draining")
        self.assertEqual(self.post(SERVER + "/weight", {"weight": 7}).json["intent"]["weight"], 7)
        with closing(Events(self.PORT)) as events:
            shown = self.post(SERVER + "/maintenance", {"for": "1s", "reason": "kernel"}).json
            self.assertEqual(shown["state"], "maintenance")
            self.assertGreater(shown["intent"]["until"], shown["intent"]["since"])
            _, kind, begun = events.wait(lambda j: j["to"] == "maintenance")
            self.assertEqual((kind, begun["reason"], begun["server"]), ("intent", "kernel", NAME))
            self.assertEqual(begun["who"], shown["intent"]["who"])
            ended = events.wait(lambda j: j["from"] == "maintenance")[2]
            self.assertEqual((ended["to"], ended["who"]), ("in_use", ""))
        self.assertEqual(self.get(SERVER).json["state"], "up")

    def test_what_is_wrong_with_an_action_is_said_and_changes_nothing(self):
        self.pair()
        before = self.get(SERVER).json["intent"]
        for path, body, status, code, words in (
                ("drain", "{", 400, "bad_json", "line 1, column 1"), ("drain", "[]", 400, "bad_json", "object"),
                ("drain", {"why": "x"}, 400, "bad_member", '"why"'), ("drain", {"for": 3}, 400, "bad_member", "for"),
                ("drain", {"for": "3 weeks"}, 400, "bad_member", '"3 weeks"'),
                ("drain", {"reason": "a\nb"}, 400, "bad_member", "reason"),
                ("drain", {"reason": "x" * 300}, 400, "bad_member", "reason"),
                ("drain", '{"for":"1s","for":"2s"}', 400, "bad_json", "duplicate"),
                ("weight", {"weight": -1}, 400, "bad_member", "weight"), ("weight", {}, 400, "bad_member", "weight"),
                ("weight", {"weight": 1.5}, 400, "bad_member", "weight")):
            with self.subTest(body=body):
                answer = self.post(f"{SERVER}/{path}", body)
                self.assertEqual((answer.status, answer.error()[0]), (status, code))
                self.assertIn(words, answer.error()[1])
        answer = self.post("/api/v1/servers/nobody:1/drain")
        self.assertEqual((answer.status, answer.error()[0]), (404, "not_found"))
        answer = self.post(SERVER + "/drain", "reason=x", Content_Type="application/x-www-form-urlencoded")
        self.assertEqual((answer.status, answer.error()[0]), (415, "not_json"))
        answer = self.get(SERVER + "/drain")
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, "POST"))
        self.assertEqual(self.get(SERVER).json["intent"], before)

    def test_nobody_changes_anything_over_tcp_without_a_token(self):
        self.pair()
        answer = ask(self.PORT, "POST", SERVER + "/drain")
        self.assertEqual((answer.status, answer.error()[0]), (401, "no_token"))
        self.assertIn("Bearer", answer.headers["WWW-Authenticate"])
        self.assertEqual(self.get(SERVER).json["state"], "up")

    def test_the_configuration_is_read_again(self):
        self.server(4243)
        self.socket, config = self.dir / "admin.sock", self.dir / "lb.yaml"
        config.write_text(f"servers: [{NAME}]\nport: 4242\nstatus-format: json\nadmin: ['unix:{self.socket}']\n")
        lb = self.start("lb", "--config", config, kind=Lb)
        lb.wait_event("up", within=10)
        config.write_text(config.read_text().replace(f"[{NAME}]", f"[{NAME}, '127.0.0.1:1']"))
        self.assertEqual(self.post("/api/v1/reload").json, {"done": "2 servers"})
        lb.wait_event("down", within=10)
        config.write_text("servers: [")
        answer = self.post("/api/v1/reload")
        self.assertEqual((answer.status, answer.error()[0]), (409, "refused"))


class Trusted(AdminCase):
    def by_token(self, token, where=None, path="/drain"):
        return ask(where or self.PORT, "POST", SERVER + path, Authorization=f"Bearer {token}")

    def test_a_token_of_the_scope_admin_changes_things_over_tcp(self):
        self.pair()
        self.assertEqual(self.by_token(self.token("--scope", "admin", "--name", "ops-7")).status, 200)
        self.assertRegex(self.get(SERVER).json["intent"]["who"], r"^token of ops-7 from 127\.0\.0\.1:\d+$")
        answer = self.by_token(self.token(), path="/undrain")
        self.assertEqual((answer.status, answer.error()[0]), (403, "bad_scope"))
        self.assertEqual(self.get(SERVER).json["state"], "draining")

    def test_the_first_token_ever_made_is_accepted_at_once(self):
        self.pair()
        self.assertFalse((self.state / "lb" / "admin-key.json").exists())
        self.assertEqual(self.get("/api/v1/self", Authorization="Bearer x").status, 401)  # the keys are read
        self.assertEqual(self.get("/api/v1/self", Authorization=f"Bearer {self.token()}").status, 200)

    def test_what_is_no_token_is_refused_even_for_reading(self):
        server, _ = self.pair()
        good = self.token("--scope", "admin", "--for", "1s")
        self.assertEqual(self.by_token(good).status, 200)
        for token, words in (("x", "parts"), (good[:-4] + "AAAA", "signature"), ("", "no token")):
            with self.subTest(token):
                answer = self.by_token(token)
                self.assertEqual((answer.status, answer.error()[0]), (401, "bad_token"))
                self.assertIn(words, answer.error()[1])
        self.assertEqual(self.get("/api/v1/self", Authorization="Bearer x").status, 401)
        self.assertEqual(self.get("/api/v1/self", Authorization="Basic eDp5").status, 401)
        self.assertEqual(self.by_token(self.made()).status, 200)
        now = int(time.time())
        for over, words in (({"exp": now - 4000, "iat": now - 8000, "nbf": now - 8000}, "expired"),
                            ({"aud": "localhost"}, "localhost"), ({"scope": "health"}, "read admin")):
            answer = self.by_token(self.made(**over))
            self.assertEqual((answer.status, answer.error()[0]), (401, "bad_token"))
            self.assertIn(words, answer.error()[1])
        key = jwt.LbKey(self.state / "lb" / "token-key.json")  # which other machines have, too
        answer = self.by_token(key.token(b"", aud="qhcp-admin", scope="read admin", cnf=None))
        self.assertEqual((answer.status, answer.error()[0]), (401, "bad_token"))
        del server

    def made(self, **over):
        """A good token, but for what is in `over`."""
        key = jwt.LbKey(self.state / "lb" / "admin-key.json")
        return key.token(b"", **{"aud": "qhcp-admin", "scope": "read admin", "cnf": None, **over})

    def test_from_another_machine_by_tls_and_a_token_alone(self):
        self.socket = self.dir / "admin.sock"
        self.server(4243)
        lb = self.lb([NAME], "--admin", f"0.0.0.0:{self.PORT}", "--admin", f"unix:{self.socket}")
        lb.wait_event("up", within=10)
        where = (self.PORT, self.state / "ca" / "ca.pem")
        answer = ask(where, "GET", "/api/v1/self")
        self.assertEqual((answer.status, answer.error()[0]), (401, "no_token"))
        self.assertIn(ask(where, "GET", "/healthz").status, (200, 503))  # (it may be late on a busy machine)
        read = self.token()
        self.assertEqual(ask(where, "GET", "/api/v1/self", Authorization=f"Bearer {read}").status, 200)
        self.assertEqual(self.by_token(read, where).status, 403)
        self.assertEqual(self.by_token(self.token("--scope", "admin"), where).status, 200)
        with self.assertRaises((ConnectionError, http.client.HTTPException)):
            self.get("/healthz")

    def test_the_lifetime_and_the_scope_are_checked(self):
        for arguments, words in ((("--for", "32d"), "32d"), (("--for", "0"), "0"), (("--scope", "all"), "all"),
                                 (("--grace", "1h"), "takes no --grace")):
            status, _, errors = self.qhcp("keys", "token", *arguments)
            self.assertEqual(status, 2, errors)
            self.assertIn(words, errors)


class Told(AdminCase):
    def test_events_with_evidence_as_a_list(self):
        server, lb = self.pair()
        server.kill()
        lb.wait_event("down", within=10)
        answer = self.get("/api/v1/events").json
        self.assertEqual([(e["kind"], e["to"]) for e in answer["events"] if e["server"] == NAME],
                         [("added", ""), ("session", ""), ("state", "up"), ("state", "down")])
        self.assertFalse(answer["missed"])
        down = [e for e in answer["events"] if e["to"] == "down"][0]
        self.assertIn(down["cause"], ("silence", "unreachable"))
        self.assertIn("checks: ", down["evidence"])
        after = self.get(f"/api/v1/events?after={down['seq'] - 1}&limit=1&server={NAME}").json
        self.assertEqual(([e["seq"] for e in after["events"]], after["next"]), ([down["seq"]], down["seq"]))
        self.assertEqual(self.get("/api/v1/events?server=nobody").json["events"], [])
        self.assertTrue(self.get("/api/v1/events?after=1-1").json["missed"])
        self.assertEqual(self.get("/api/v1/events?after=x").error()[0], "bad_query")

    def test_a_stream_goes_on_where_it_ended(self):
        self.pair()
        with closing(Events(self.PORT)) as events:
            self.post(SERVER + "/drain")
            last = events.wait(lambda j: j["to"] == "drain")[0]
        self.post(SERVER + "/undrain")
        self.post(SERVER + "/weight", {"weight": 3})
        with closing(Events(self.PORT, Last_Event_ID=last)) as events:
            self.assertEqual(events.wait(lambda j: j["kind"] == "intent")[2]["from"], "drain")
            self.assertEqual(events.wait(lambda j: j["kind"] == "intent")[2]["reason"], "weight 3")
        with closing(Events(self.PORT, Last_Event_ID="1-1")) as events:
            self.assertEqual(events.next()[1], "resync")
            self.post(SERVER + "/drain")
            self.assertEqual(events.next()[2]["to"], "drain")


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

    def test_what_is_no_place_and_no_pair(self):
        for arguments, words in ((("--admin", "localhost:4280"), '"localhost:4280" is not a place'),
                                 (("--admin", "off", "--admin", "127.0.0.1:1"), "--admin off excludes"),
                                 (("--admin-cert", __file__), "--admin-key")):
            status, _, said = self.qhcp("lb", "--servers", NAME, *arguments)
            self.assertNotEqual(status, 0)
            self.assertIn(words, said)

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
