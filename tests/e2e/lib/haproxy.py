"""A real HAProxy: its configuration, its Runtime API, what it thinks of its servers."""

import csv
import io
import signal
import socket
import time

from lib.case import SLOW
from lib.process import Gone, Process

HAPROXY = "/usr/sbin/haproxy"

HEAD = """global
    stats socket {socket} mode 600 level admin
    log stdout format raw local0
defaults
    mode tcp
    timeout connect 1s
    timeout client 30s
    timeout server 30s
    timeout client-fin 100ms
    timeout server-fin 100ms
    log global
"""


class Haproxy(Process):
    """`haproxy -db`: one process in the foreground; with master, a master and its worker, which SIGUSR2 replaces."""

    def __init__(self, case, config, name="haproxy", master=False, **options):
        self.socket = case.dir / f"{name}.sock"
        self.config = case.dir / f"{name}.cfg"
        self.write(config)
        super().__init__([HAPROXY, *(["-W"] if master else []), "-db", "-f", self.config], name=name,
                         log=case.dir / f"{name}.log", **options)
        case.addCleanup(self.close)

    def kill(self):
        """A master takes its worker with it, if it may."""
        if self.popen.poll() is None:
            self.send(signal.SIGTERM)
        self.popen.wait()

    def write(self, config):
        self.config.write_text(HEAD.format(socket=self.socket) + config, encoding="utf-8")

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(str(self.socket))
            s.sendall(command.encode() + b"\n")
            answer = b""
            while more := s.recv(65536):
                answer += more
        return answer.decode()

    def servers(self, backend="be"):
        """Rows of `show stat` of the servers of a backend, by name."""
        rows = csv.DictReader(io.StringIO(self.ask("show stat").lstrip("# ")))
        return {r["svname"]: r for r in rows if r["pxname"] == backend and r["type"] == "2"}

    def wait_servers(self, wanted, within=10, backend="be"):
        """The servers once wanted(servers) is true; HAProxy tells nobody, so that it is asked again and again."""
        deadline = time.monotonic() + max(within * SLOW, 30)
        while True:
            try:
                found = self.servers(backend)
                if wanted(found):
                    return found
            except OSError:  # it is starting
                found = None
            if time.monotonic() > deadline:
                raise Gone(f"{self.name}: its servers are\n{found}\n{self.story()}")
            time.sleep(0.02)
