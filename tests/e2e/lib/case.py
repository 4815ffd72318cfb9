"""The base of the end-to-end tests: a state directory, servers, load balancers, and their end."""

import json
import os
import random
import signal
import socket
import subprocess
import tempfile
import unittest
from contextlib import suppress
from pathlib import Path

from lib import net
from lib.process import PATIENCE, Gone, Process, wait_log

QHCP = os.environ.get("QHCP_BINARY", "")
# How much slower a sanitized build may be before a test calls it late.
SLOW = 3 if os.environ.get("QHCP_SANITIZED") else 1


_given = set()  # by free_port, to this test program


def free_port(kind=socket.SOCK_DGRAM):
    """A port that nobody has on 127.0.0.1 just now, neither UDP nor TCP, since a load balancer wants both;
    and none that the kernel gives to somebody meanwhile (ip_local_port_range)."""
    other = socket.SOCK_STREAM if kind == socket.SOCK_DGRAM else socket.SOCK_DGRAM
    while True:
        port = random.randrange(10000, 32000)
        if port in _given:
            continue
        with socket.socket(socket.AF_INET, kind) as s, socket.socket(socket.AF_INET, other) as t:
            try:
                s.bind(("127.0.0.1", port))
                t.bind(("127.0.0.1", port))
                _given.add(port)
                return port
            except OSError:
                pass


class Lb(Process):
    """`qhcp lb --status-format json`: its events and statuses."""

    def wait_json(self, wanted, within, since=0):
        def is_it(line):
            try:
                return wanted(json.loads(line))
            except ValueError:
                raise Gone(f"{self.name} wrote what is not JSON: {line!r}\n{self.story()}") from None

        index, line = self.wait_line(is_it, within * SLOW, since)
        return index, json.loads(line)

    def wait_event(self, to, within, address=None, since=0):
        """(index, event) of the first event from line `since` on that leads to this state."""
        return self.wait_json(lambda j: j["type"] == "event" and j["to"] == to
                              and address in (None, j["address"]), within, since)

    def wait_status(self, wanted, within, since=0):
        return self.wait_json(lambda j: j["type"] == "status" and wanted(j), within, since)

    def events(self):
        return [j for j in map(json.loads, self.lines) if j["type"] == "event"]


@unittest.skipUnless(QHCP, "this build has no qhcp (QHCP_BINARY is not set)")
class Case(unittest.TestCase):
    """A test with real processes.  The program has a network namespace of its own where the machine
    allows that; a test that needs one (needs_namespaces) is skipped elsewhere, by name."""

    @classmethod
    def setUpClass(cls):
        net.isolate()

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="qhcp-e2e-")
        self.addCleanup(directory.cleanup)
        self.dir = Path(directory.name)
        self.state = self.dir / "state"
        self._started, self._servers = 0, []  # how many; those that may not listen yet

    def needs_namespaces(self):
        if not net.isolate():
            self.skipTest("this machine lets us make no network namespace")

    def namespace(self, name):
        self.needs_namespaces()
        namespace = net.Namespace(name)
        self.addCleanup(namespace.close)
        return namespace

    def env(self, state=None, **more):
        return {**os.environ, "QHCP_STATE_DIR": str(state or self.state), **more}

    def start(self, *arguments, kind=Process, name=None, state=None, namespace=None, env=None,
              stdin=subprocess.DEVNULL):
        """Starts `qhcp ARGUMENTS`; ended at the latest with the test."""
        self._started += 1
        name = name or f"qhcp {arguments[0]} ({self._started})"
        if arguments[0] in ("lb", "check"):
            self.wait_listening()
        process = kind([QHCP, *map(str, arguments)], name=name, namespace=namespace, stdin=stdin,
                       log=self.dir / f"{self._started}.log", env={**self.env(state), **(env or {})})
        self.addCleanup(process.close)
        if arguments[0] == "server":
            self._servers.append(process)
        return process

    def wait_listening(self):
        """One that watches a server that does not listen yet calls it down, and rightly."""
        for server in self._servers:
            with suppress(Gone):  # which the test will see
                wait_log(server, "listening on UDP", 10 * SLOW)
        self._servers = []

    def server(self, port, *arguments, ip="0.0.0.0", **options):
        return self.start("server", "--ip", ip, "--port", port, *arguments, **options)

    def lb(self, servers, *arguments, port=None, kind=Lb, quick=False, **options):
        """A load balancer with short intervals; arguments of the test's take their places.  With quick, a
        silence is as short as these intervals make it, and a server that a busy machine lets stand still is down."""
        defaults = {"--port": port or free_port(), "--status-format": "json",
                    "--check-interval": "1", "--liveness-interval": "200ms",
                    "--reconnect-interval": "1", "--admin": "off"}
        if not quick:
            defaults["--min-silence"] = "500ms"
        for name, value in defaults.items():
            if name not in arguments:
                arguments += (name, value)
        return self.start("lb", "--servers", ",".join(servers), *arguments, kind=kind, **options)

    def qhcp(self, *arguments, within=20, state=None, namespace=None, env=None, stdin=None):
        """Runs `qhcp ARGUMENTS` to its end: (status, standard output, standard error)."""
        if arguments[0] != "server":
            self.wait_listening()

        def run():
            return subprocess.run([QHCP, *map(str, arguments)], capture_output=True, text=True,
                                  timeout=max(within * SLOW, 2 * PATIENCE), check=False, input=stdin or "",
                                  env={**self.env(state), **(env or {})})

        if namespace is None:
            done = run()
        else:
            with namespace:
                done = run()
        return done.returncode, done.stdout, done.stderr

    def assert_soon(self, attempt, most, tries=3):
        """attempt() returns the seconds that something took.  A machine that stands still makes it late at times, but
        not by so much that it is a fault that shows at times; what is slow by itself is late each time."""
        took = []
        while not took or (took[-1] >= most and len(took) < tries):
            took.append(attempt())
            self.assertLess(took[-1], max(8 * most, 8))
        self.assertLess(took[-1], most, f"each time: {took}")

    @staticmethod
    def try_again(attempt, tries=3):
        """attempt() succeeds.  A machine that stands still spoils it at times, a fault each time."""
        for left in range(tries - 1, -1, -1):
            try:
                return attempt()
            except AssertionError as e:
                if left == 0:
                    raise
                print(f"again, after: {str(e)[:1000]}")
        return None

    def assert_stops(self, process, number=signal.SIGTERM, within=10):
        status = process.stop(number, within * SLOW)
        self.assertIn(status, (0, -number), process.story())
