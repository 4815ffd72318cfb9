"""`qhcp server --http-listen`: what gRPC's own client, curl, promtool and a browser's request get, and what nobody gets who
sends too much."""

import json
import shutil
import signal
import ssl
import subprocess

from lib.app import script
from lib.case import SLOW
from lib.expose import (CALM, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, MESSAGE, NOT_SERVING, PAGES, PATIENCE, PING, PORT,
                        REFUSED_STREAM, RST_STREAM, SERVING, UNKNOWN, WATCH, ExposeCase, call_headers, fields, frame, header, interval, mapped, service)
from lib.pki import Ca
from lib.raw import wait_log

HEAD = 4096  # bytes of the head of a request
GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Expose(ExposeCase):
    # --- gRPC

    def test_a_check_is_answered_for_the_server_and_each_of_its_parts(self):
        flag = self.dir / "fails"
        failing = script(self.dir / "check", f"test ! -e {flag} || exit 2")
        self.exposed("--service", "tcp:8080", "--check", f"name=my.Service every=50ms exec:{failing}", "--check", "name=other exec:/bin/true")
        client = self.grpc()
        self.assertEqual([client.check(name) for name in ("", "tcp:8080", "my.Service", "other")], [SERVING] * 4)
        self.assertEqual(client.check("nonesuch")[0], "NOT_FOUND")
        statuses = mapped(client.ask("list"), 1)
        self.assertEqual({name: dict(fields(value))[1] for name, value in statuses.items()}, {"": 1, "tcp:8080": 1, "my.Service": 1, "other": 1})
        watch = client.watch("my.Service")
        self.assertEqual(client.next(watch), SERVING)
        flag.touch()
        self.assertEqual(client.next(watch), NOT_SERVING)
        self.assertEqual([client.check(name) for name in ("", "tcp:8080", "my.Service", "other")], [NOT_SERVING] * 3 + [SERVING])

    def test_who_watches_is_told_of_every_change_and_of_the_end(self):
        server = self.exposed()
        client = self.grpc()
        watch, nobody = client.watch(), client.watch("nonesuch")
        self.assertEqual((client.next(watch), client.next(nobody)), (SERVING, UNKNOWN))
        for verb, status in (("drain", NOT_SERVING), ("undrain", SERVING), ("maintenance", NOT_SERVING), ("serving", SERVING)):
            self.assertEqual(self.qhcp("control", verb)[0], 0)
            self.assertEqual(client.next(watch), status)
        lb = self.lb(["127.0.0.1:4243"])
        lb.wait_event("up", within=10)
        lb.send(signal.SIGSTOP)  # the server waits for it
        self.addCleanup(lb.send, signal.SIGCONT)
        server.send(signal.SIGTERM)
        self.assertEqual(client.next(watch), NOT_SERVING)
        lb.send(signal.SIGCONT)
        self.assertIsInstance(client.next(watch), tuple)  # the connection has ended
        self.assertEqual(server.wait(10 * SLOW), 0)

    def test_orca_has_what_the_load_balancers_are_told(self):
        self.exposed("--metrics", "queue,cache_percent")
        def tell(*values):
            self.assertEqual(self.qhcp("control", "report", *(word for value in values for word in ("--metric", value)))[0], 0)

        for value in ("requests_per_second=12.5", "errors_per_second=0.5", "application_utilization_percent=150", "disk_usage_percent=25",
                      "queue=7", "cache_percent=200", "request_latency_p50_us=1500"):
            tell(value)
        client = self.grpc()
        report = client.ask("next", stream=client.ask("orca"))
        plain = {number: value for number, value in fields(report) if number not in (5, 8)}
        self.assertEqual((plain[6], plain[7], plain[9]), (12.5, 0.5, 1.5))
        self.assertLess(0, plain[2])
        self.assertLessEqual(plain.get(1, 0), 1)
        self.assertEqual(mapped(report, 5), {"disk_usage": 0.25, "cache": 1.0} | {k: v for k, v in mapped(report, 5).items() if k == "swap_usage"})
        named = mapped(report, 8)
        self.assertEqual((named["queue"], named["request_latency_p50_us"]), (7, 1500))
        stream = client.ask("orca", interval(0.000001))  # at the least interval, which is half a second
        client.ask("next", stream=stream)
        tell("queue=8")
        while mapped(client.ask("next", stream=stream), 8)["queue"] != 8:
            pass

    def test_what_is_no_call_is_refused_by_its_code(self):
        self.exposed()
        client = self.grpc()
        self.assertEqual(client.ask("call", path="/grpc.health.v1.Health/Nonesuch")[0], "UNIMPLEMENTED")
        self.assertEqual(client.ask("check", b"\x0a\x05abc")[0], "INTERNAL")
        self.assertEqual(client.ask("check", service("x" * 1021))[0], "NOT_FOUND")
        self.assertEqual(client.ask("check", service("x" * 1022))[0], "RESOURCE_EXHAUSTED")
        self.assertEqual(client.check(), SERVING)

    # --- HTTP

    def test_a_load_balancer_that_knows_only_http_gets_200_or_503(self):
        self.exposed("--check", "name=app exec:/bin/true")
        for version in ("--http1.1", "--http1.0", "--http2-prior-knowledge"):
            status = json.loads(self.curl(version, f"http://127.0.0.1:{PORT}/"))
            self.assertEqual(status, {"status": "serving", "reason": "", "checks": [{"name": "app", "status": "serving", "reason": ""}]})
        self.assertEqual(self.status(GET), 200)
        self.assertEqual(self.qhcp("control", "drain", "--reason", "for a \"test\"")[0], 0)
        self.assertEqual(self.status(GET), 503)
        self.assertEqual(json.loads(self.ask(GET).split(b"\r\n\r\n")[1])["status"], "draining")
        self.assertEqual(self.ask(GET.replace(b"GET", b"HEAD")).split(b"\r\n\r\n")[1], b"")

    def test_promtool_is_content(self):
        self.exposed("--check", "name='a\"b' exec:/bin/true", "--metrics", "queue", "--metrics-listen", f"127.0.0.1:{PAGES}")
        self.lb(["127.0.0.1:4243"]).wait_event("up", within=10)
        both = [self.curl(f"http://127.0.0.1:{port}/metrics") for port in (PORT, PAGES)]
        for found in both:
            done = subprocess.run([shutil.which("promtool"), "check", "metrics"], input=found, capture_output=True, text=True, timeout=PATIENCE, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), found)
            for line in ("qhcp_agent_serving 1", "qhcp_agent_load_balancers 1", 'qhcp_agent_metric{metric="queue"} 0', 'qhcp_agent_check_status{check="a\\"b"} 0'):
                self.assertIn(line + "\n", found)
        known = self.curl("-H", "Accept: application/openmetrics-text", f"http://127.0.0.1:{PAGES}/metrics")
        self.assertTrue(known.endswith("\n# EOF\n"))
        self.assertIn("# TYPE qhcp_agent info\n", known)
        # Where only metrics are, there is no gRPC.
        self.assertEqual(self.grpc(f"127.0.0.1:{PAGES}").check()[0], "UNIMPLEMENTED")
        self.assertEqual(self.grpc().check(), SERVING)

    # --- where it listens

    def test_off_this_machine_it_has_tls_unless_told_not_to(self):
        server = self.exposed(listen=f"0.0.0.0:{PORT}")
        ca = self.state / "ca/ca.pem"
        self.assertEqual(self.grpc(f"localhost:{PORT}", ca).check(), SERVING)
        for version, wanted in (("--http1.1", "1.1"), ("--http2", "2")):
            found = self.curl("--cacert", str(ca), version, "-w", "%{http_version}", "-o", "/dev/null", f"https://localhost:{PORT}/")
            self.assertEqual(found, wanted)
        self.assertNotIn(b"HTTP", self.ask(GET))
        self.assert_stops(server)
        server = self.exposed("--http-insecure", listen=f"0.0.0.0:{PORT}")
        self.assertEqual(self.status(GET), 200)
        self.assertIn("--http-insecure", server.errors())

    def test_a_renewed_certificate_is_shown_after_a_reload(self):
        ca = Ca(self.dir / "ca")
        cert, key = ca.issue("one")
        config = self.dir / "server.yaml"
        config.write_text(f"cert-file: {cert}\nkey-file: {key}\n", encoding="ascii")
        server = self.exposed("--config", config, listen=f"0.0.0.0:{PORT}")

        def subject():
            context = ssl.create_default_context(cafile=str(ca.cert))
            with self.raw() as plain, context.wrap_socket(plain, server_hostname="localhost") as s:
                return dict(pair[0] for pair in s.getpeercert()["subject"])["commonName"]

        self.assertEqual(subject(), "one")
        for old, new in zip((cert, key), ca.issue("two")):
            new.replace(old)
        server.send(signal.SIGHUP)
        wait_log(server, "read again", 10)
        self.assertEqual(subject(), "two")

    def test_a_place_that_is_taken_or_none_is_an_error(self):
        self.exposed()
        status, _, errors = self.qhcp("server", "--port", 4244, "--http-listen", f"127.0.0.1:{PORT}")
        self.assertEqual(status, 1)
        self.assertIn("is in use", errors)
        status, _, errors = self.qhcp("server", "--port", 4244, "--http-listen", "localhost:80")
        self.assertEqual(status, 2)
        self.assertIn("--http-listen: \"localhost:80\"", errors)

    # --- who sends too much: each beside the same that is allowed

    def test_streams_are_limited(self):
        self.exposed()
        for streams, refused in ((32, False), (33, True)):
            client = self.http2()
            for i in range(streams):
                client.send(frame(HEADERS, END_HEADERS, 2 * i + 1, call_headers(WATCH)))
            if refused:
                self.assertEqual(client.wait(RST_STREAM)[2:], (65, bytes([0, 0, 0, REFUSED_STREAM])))
            client.send(frame(DATA, END_STREAM, 1, MESSAGE))
            self.assertIsNotNone(client.wait(DATA, 1))
            self.assertEqual(len([f for f in client.frames if f[0] == RST_STREAM]), int(refused))

    def test_rapid_resets_end_the_connection(self):
        server = self.exposed()
        lb = self.lb(["127.0.0.1:4243"], "--liveness-interval", "2s")
        lb.wait_event("up", within=10)
        for pairs, ended in ((200, False), (20000, True)):
            client = self.http2()
            for i in range(pairs):
                if not client.send(frame(HEADERS, END_HEADERS, 2 * i + 1, call_headers()) + frame(RST_STREAM, 0, 2 * i + 1, b"\0\0\0\x08")):
                    break
            client.call(2 * pairs + 1)
            self.assertEqual(client.answered(2 * pairs + 1), not ended)
        self.assertEqual(self.status(GET), 200)
        self.assertIsNone(server.popen.poll())
        self.assertEqual([e["to"] for e in lb.events()], ["up"])

    def test_a_bomb_of_headers_ends_the_connection(self):
        self.exposed()
        small = header("x", "y" * 1000, indexed=True)
        for more, ended in ((small + b"\xbe" * 5, False), (small + b"\xbe" * 9000, True)):  # 0xbe: the newest entry of the table
            client = self.http2()
            client.call(1, more=more)
            if ended:
                self.assertIn(client.goaway(), (CALM, None))
            self.assertEqual(client.answered(1), not ended)

    def test_header_fields_are_limited_in_number_and_size(self):
        self.exposed()
        many = [b"".join(header("a", "b") for _ in range(n)) for n in (58, 59)]
        large = [header("a", "b" * n) for n in (7000, 8000)]
        for fits, too_much in (many, large):
            for more, ended in ((fits, False), (too_much, True)):
                client = self.http2()
                client.call(1, more=more)
                self.assertEqual(client.answered(1), not ended)

    def test_headers_in_pieces_without_end_end_the_connection(self):
        self.exposed()
        for pieces, ended in ((4, False), (2000, True)):
            client = self.http2()
            client.send(frame(HEADERS, END_STREAM, 1, call_headers()))
            for _ in range(pieces):
                if not client.send(frame(CONTINUATION, 0, 1)):
                    break
            client.send(frame(CONTINUATION, END_HEADERS, 1))
            self.assertEqual(client.answered(1), not ended)

    def test_a_flood_of_pings_ends_the_connection(self):
        self.exposed()
        for pings, ended in ((50, False), (20000, True)):
            client = self.http2()
            client.send(frame(PING, payload=b"flooded!") * pings)
            client.call(1)
            self.assertEqual(client.answered(1), not ended)

    def test_heads_of_http_1_1_are_limited_and_strict(self):
        self.exposed()
        def request(line=b"GET / HTTP/1.1", *more):
            return b"\r\n".join((line, b"Connection: close", *more, b"", b""))

        long = HEAD - len(request(b"GET / HTTP/1.1", b"A: "))
        for allowed, refused, status in (
                (request(b"GET / HTTP/1.1", b"A: " + b"b" * long), request(b"GET / HTTP/1.1", b"A: " + b"b" * (long + 1)), 431),
                (request(b"GET / HTTP/1.1", b"Content-Length: 0"), request(b"GET / HTTP/1.1", b"Content-Length: 1"), 413),
                (request(b"GET / HTTP/1.0"), request(b"GET / HTTP/1.2"), 505),
                (request(b"HEAD / HTTP/1.1"), request(b"POST / HTTP/1.1"), 405),
                (request(b"GET /?a HTTP/1.1"), request(b"GET /a HTTP/1.1"), 404),
                (request(b"GET / HTTP/1.1"), request(b"GET x HTTP/1.1"), 400),
                (request(b"GET / HTTP/1.1", b"A: b"), request(b"GET / HTTP/1.1", b"A : b"), 400)):
            self.assertEqual((self.status(allowed), self.status(refused)), (200, status), refused[:80])

    def test_connections_are_limited_and_idle_ones_make_room(self):
        self.exposed()
        clients = []

        def busy():
            clients.append(self.http2())
            clients[-1].call(1, WATCH)
            self.assertIsNotNone(clients[-1].wait(DATA, 1))

        for _ in range(63):
            busy()
        idle = self.raw(GET.replace(b"Connection: close\r\n", b""))
        self.assertIn(b"200 OK", idle.recv(65536))
        metrics = self.ask(GET.replace(b"GET / ", b"GET /metrics "))
        self.assertIn(b"\nqhcp_agent_http_connections_evicted_total 1\n", metrics)
        self.assertEqual(idle.recv(1), b"")  # it made room
        busy()
        self.assertEqual(self.ask(GET), b"")  # nobody does
        clients[0].close()
        while not self.ask(GET).startswith(b"HTTP/1.1 200"):
            pass  # until the server has seen that one is gone
