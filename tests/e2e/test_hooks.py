"""Sinks that tell of each event: a command, and a URL."""

import json
import os
import select
import signal

from lib.admin import ask
from lib.case import Case
from lib.pki import Ca
from lib.raw import wait_log
from lib.receiver import Receiver
from lib.scripts import executable

PATIENCE = 30


class Pipe:
    """A FIFO that commands write lines to."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path, self.fd, self.rest = path, os.open(path, os.O_RDWR), b""

    def line(self):
        while b"\n" not in self.rest:
            if not select.select([self.fd], [], [], PATIENCE)[0]:
                raise AssertionError("no command has written anything")
            self.rest += os.read(self.fd, 65536)
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def close(self):
        os.close(self.fd)


class Hooks(Case):
    def pipe(self):
        pipe = Pipe(self.dir / "pipe")
        self.addCleanup(pipe.close)
        return pipe

    def receiver(self, *arguments, **options):
        receiver = Receiver(*arguments, **options)
        self.addCleanup(receiver.close)
        return receiver

    def secret(self, name, text, mode=0o600):
        path = self.dir / name
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    def pair(self, *sinks, more=()):
        """Two servers and their load balancer; what the first one's end is told by comes with kill()."""
        self.servers = [self.server(port) for port in (4243, 4244)]
        words = [word for sink in sinks for word in ("--sink", sink)]
        self.lb_process = self.lb(["127.0.0.1:4243", "127.0.0.1:4244"], *words, *more)
        for port in (4243, 4244):
            self.lb_process.wait_event("up", within=PATIENCE, address=f"127.0.0.1:{port}")
        return self.lb_process

    def kill(self, number=0):
        self.servers[number].send(signal.SIGKILL)
        self.lb_process.wait_event("down", within=PATIENCE, address=f"127.0.0.1:{4243 + number}")

    # ---- exec

    def test_a_command_gets_each_event_in_order_as_the_api_has_it(self):
        pipe = self.pipe()
        script = executable(self.dir / "hook", f'#!/bin/sh\nread line\necho "$line" > {pipe.path}\n'
                                               f'echo "$1" > {pipe.path}\n')
        socket = self.dir / "admin.sock"
        lb = self.pair(f"exec {script} 'two words' kinds=state at-most=1", more=("--admin", f"unix:{socket}"))
        self.kill()
        events = []
        while not events or events[-1]["to"] != "down":
            events.append(json.loads(pipe.line()))
            self.assertEqual(pipe.line(), "two words")
        self.assertEqual([(e["server"], e["to"]) for e in events if e["server"] == "127.0.0.1:4243"],
                         [("127.0.0.1:4243", "up"), ("127.0.0.1:4243", "down")])
        known = ask(socket, "GET", "/api/v1/events").json["events"]
        self.assertEqual(events, [e for e in known if e["kind"] == "state"])
        self.assert_stops(lb)

    def test_a_command_that_hangs_or_fails_is_told_and_holds_nobody_up(self):
        pipe = self.pipe()
        script = executable(self.dir / "hook", f"""#!/bin/sh
read line
case "$line" in
*4243*'"to":"down"'*) echo "no such pager" >&2; exit 3;;
*4244*'"to":"down"'*) sleep 1000;;
esac
echo "$line" > {pipe.path}
""")
        lb = self.pair(f"exec {script} kinds=state timeout=300ms")
        self.kill(0)
        wait_log(lb, f"sink exec {script}: the command failed with exit status 3: no such pager", PATIENCE)
        self.kill(1)
        wait_log(lb, f"sink exec {script}: the command did not end within 300ms, and was killed", PATIENCE)
        self.server(4243)
        while json.loads(pipe.line())["from"] != "down":
            pass  # up at the start
        self.assert_stops(lb)

    # ---- webhook

    def test_each_event_is_posted_and_again_where_it_was_refused(self):
        refused = []

        def rule(request):
            if request.json["to"] == "down" and not refused:
                refused.append(request.json)
                return 503
            return 204

        receiver = self.receiver(rule)
        token = self.secret("token", "geheim-1\n")
        headers = self.secret("headers", "X-Room: geheim-2\n")
        lb = self.pair(f"webhook http://127.0.0.1:{receiver.port}/geheim-3?x=geheim-4 kinds=state "
                       f"token-file={token} header-file={headers}")
        self.kill()
        first = receiver.wait(lambda r: r.json["to"] == "down", PATIENCE)
        again = receiver.wait(lambda r: r.json["to"] == "down", PATIENCE)
        self.assertEqual(again.json, first.json)
        self.assertEqual((first.method, first.path), ("POST", "/geheim-3?x=geheim-4"))
        self.assertEqual((first.json["kind"], first.json["server"]), ("state", "127.0.0.1:4243"))
        self.assertEqual({n: first.headers[n] for n in ("Content-Type", "Authorization", "X-Room")},
                         {"Content-Type": "application/json", "Authorization": "Bearer geheim-1", "X-Room": "geheim-2"})
        wait_log(lb, f"sink webhook http://127.0.0.1:{receiver.port}: it answered with status 503", PATIENCE)
        wait_log(lb, "works again", PATIENCE)
        self.assert_stops(lb)
        self.assertNotIn("geheim", lb.errors() + "".join(lb.lines))
        for server in ("4243", "4244"):
            told = [r.json["seq"] for r in receiver.requests if r.json["server"].endswith(server)]
            self.assertEqual(told, sorted(told))

    def test_who_hangs_delays_nobody_and_is_told(self):
        hanging, good = self.receiver(lambda request: "hang"), self.receiver()
        lb = self.pair(f"webhook http://127.0.0.1:{hanging.port} kinds=state timeout=200ms retries=0",
                       f"webhook http://127.0.0.1:{good.port} kinds=state")
        hanging.next(PATIENCE)
        self.kill()
        good.wait(lambda r: r.json["to"] == "down", PATIENCE)
        wait_log(lb, "no answer within 200ms", PATIENCE)
        hanging.rule = lambda request: 200
        # What was given up meanwhile is missing, and that is told.
        hanging.wait(lambda r: r.json["kind"] == "missed", PATIENCE)
        self.assert_stops(lb)

    def test_a_certificate_is_verified_unless_it_is_said_otherwise(self):
        ca = Ca(self.dir / "ca")
        cert, key = ca.issue("hook")
        receiver = self.receiver(cert=cert, key=key)
        url = f"https://localhost:{receiver.port}/"
        lb = self.pair(f"webhook {url} kinds=state")
        wait_log(lb, r"sink webhook https://localhost:\d+: .*certificate", PATIENCE)
        self.assertEqual(receiver.requests, [])
        self.assert_stops(lb)
        lb = self.lb(["127.0.0.1:4243"], "--sink", f"webhook {url} kinds=state ca-file={ca.cert}.gone")
        wait_log(lb, r"sink webhook https://localhost:\d+: .*ca-file /.*\.gone: cannot read", PATIENCE)
        self.assert_stops(lb)
        lb = self.lb(["127.0.0.1:4243"], "--sink", f"webhook {url} kinds=state ca-file={ca.cert}")
        receiver.wait(lambda r: r.json["to"] == "up", PATIENCE)
        self.assertNotIn("NOT verified", lb.errors())
        self.assert_stops(lb)
        lb = self.lb(["127.0.0.1:4243"], "--sink", f"webhook {url} kinds=state insecure=yes")
        receiver.wait(lambda r: r.json["to"] == "up", PATIENCE)
        wait_log(lb, "insecure: its certificate is NOT verified", PATIENCE)

    def test_what_is_wrong_is_refused_before_anything_begins(self):
        url = self.secret("url", "http://192.0.2.1/geheim\n")
        shared = self.secret("shared", "geheim", 0o644)
        rows = [
            ("webhook http://192.0.2.1/geheim", "insecure=yes", "neither encrypted nor verified"),
            ("webhook http://a:geheim@127.0.0.1/", None, "a user or a password"),
            ("webhook ftp://127.0.0.1/geheim", None, "the URL is not one"),
            ("webhook http://127.0.0.1/ timeout=1ms", None, "timeout: "),
            ("exec hook", None, '"hook" is a relative path'),
            ("exec /bin/true kinds=state,geheime", None, "is not a kind of event"),
        ]
        for sink, mends, words in rows:
            status, out, errors = self.qhcp("lb", "--servers", "127.0.0.1:4243", "--check-config", "--sink", sink)
            self.assertEqual((status, out), (1, ""), sink)
            self.assertIn(words, errors)
            self.assertNotIn("geheim ", errors.replace('"', " "))
            if mends:
                status, _, errors = self.qhcp("lb", "--servers", "127.0.0.1:4243", "--check-config",
                                              "--sink", f"{sink} {mends}")
                self.assertEqual((status, errors), (0, ""))
        for sink, words in ((f"webhook @{url}", "neither encrypted nor verified"),
                            (f"webhook http://127.0.0.1/ token-file={shared}", "chmod"),
                            ("exec /nowhere", "/nowhere: No such file")):
            for more in (["--admin", "off"], ["--check-config"]):
                status, out, errors = self.qhcp("lb", "--servers", "127.0.0.1:4243", *more, "--sink", sink)
                self.assertEqual((status, out), (1, ""), sink)
                self.assertIn(words, errors)
                self.assertNotIn("geheim", errors)
