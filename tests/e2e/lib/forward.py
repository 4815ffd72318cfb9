"""What the tests of the forwarder have in common: backends, their fleet, and clients."""

import socket
import socketserver
import threading
import time

from lib.case import SLOW, Case, free_port
from lib.process import PATIENCE


class Backend(socketserver.ThreadingTCPServer):
    """Says its name, then sends back whatever comes; at the end of that, how much it was."""

    allow_reuse_address = True
    request_queue_size = 1024  # the kernel would drop what comes while Python is busy
    daemon_threads = True
    address_family = socket.AF_INET

    def __init__(self, name, port=0, host="127.0.0.1"):
        self.name = name
        super().__init__((host, port), Echo)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a client that resets

    def close(self):
        self.shutdown()
        self.server_close()


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(self.server.name.encode() + b"\n")
        total = 0
        while data := self.request.recv(1 << 16):
            total += len(data)
            self.request.sendall(data)
        self.request.sendall(b"\n%d" % total)


def read_line(s):
    line = b""
    while not line.endswith(b"\n"):
        byte = s.recv(1)
        if not byte:
            break
        line += byte
    return line.decode().strip()


def read_all(s):
    parts = []
    while data := s.recv(1 << 16):
        parts.append(data)
    return b"".join(parts)


class ForwardCase(Case):
    def backend(self, name, port=0):
        backend = Backend(name, port)
        self.addCleanup(backend.close)
        return backend

    def fleet(self, *names, arguments=()):
        """Backends with an agent each, and their load balancer: all up."""
        self.backends = [self.backend(name) for name in names]
        self.agents = [free_port() for _ in names]
        self.servers = [self.server(port, "--service", f"tcp:{b.port}", ip="127.0.0.1")
                        for port, b in zip(self.agents, self.backends)]
        self.port = free_port(socket.SOCK_STREAM)
        if "--liveness-interval" not in arguments:
            arguments += ("--liveness-interval", "100ms")
        lb = self.lb([f"127.0.0.1:{port}" for port in self.agents],
                     "--flap-hold", "0", "--slow-start", "0", "--status-interval", "200ms", *arguments,
                     port=self.port)
        at, _ = lb.wait_status(lambda s: s["up"] == len(names), within=10)
        self.wait_served(1 if "maglev" in arguments else len(names))
        return lb, at

    def wait_served(self, n):
        """All of them are in the forwarder's table."""
        deadline = time.monotonic() + PATIENCE
        while len({self.ask() for _ in range(8 * n)} - {""}) < n:
            self.assertLess(time.monotonic(), deadline)

    def wait_served_by(self, name):
        """It alone is in the forwarder's table, which follows a verdict a moment later."""
        deadline = time.monotonic() + PATIENCE
        while {self.ask() for _ in range(40)} != {name}:
            self.assertLess(time.monotonic(), deadline)

    def connect(self, family=socket.AF_INET):
        s = socket.socket(family)
        self.addCleanup(s.close)
        s.settimeout(10 * SLOW)
        s.connect(("127.0.0.1" if family == socket.AF_INET else "::1", self.port))
        return s

    def ask(self, family=socket.AF_INET):
        """The name of the server that one connection reaches; "" where it is closed at once."""
        with self.connect(family) as s:
            try:
                return read_line(s)
            except ConnectionResetError:
                return ""

    def counts(self, lb, within=5):
        at, _ = lb.wait_status(lambda s: True, within, len(lb.lines))
        _, status = lb.wait_status(lambda s: True, within, at + 1)  # the first may be of before this call
        return {s["address"]: s["forward"] for s in status["servers"]}
