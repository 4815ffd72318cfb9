"""Applications for a server to check: an HTTP service that can be told to hang, to fail or to flood,
commands, and a process to be killed."""

import http.server
import os
import subprocess
import sys
import threading

from lib.case import Case
from lib.net import die_with_parent

ADDRESS = "127.0.0.1:4243"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.app.answer(self)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # a SYN that finds no room is sent again after a second


class Http:
    """A service on 127.0.0.1 in the test's own process.  `mode` says what it does with a request:
    ok, hang, error, headers (without end), body (without end)."""

    def __init__(self):
        self.mode, self.body, self.requests = "ok", b"all is well", 0
        self._release = threading.Event()
        self.http = Server(("127.0.0.1", 0), Handler)
        self.http.app = self
        self.port = self.http.server_address[1]
        self._thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self._thread.start()

    def answer(self, request):
        self.requests += 1
        try:
            if self.mode == "hang":
                self._release.wait(60)
            elif self.mode == "error":
                request.send_error(503)
            elif self.mode == "headers":
                self.flood(request, b"HTTP/1.1 200 OK\r\n", b"X-Long: " + b"a" * 1000 + b"\r\n")
            elif self.mode == "body":
                self.flood(request, b"HTTP/1.1 200 OK\r\n\r\n", b"b" * 4096)
            else:
                request.send_response(200)
                request.send_header("Content-Length", str(len(self.body)))
                request.end_headers()
                request.wfile.write(self.body)
        except OSError:
            pass  # the checker went away, as it may

    def flood(self, request, begin, more):
        request.wfile.write(begin)
        for _ in range(100000):
            if self._release.is_set():
                return
            request.wfile.write(more)

    def close(self):
        self._release.set()
        self.http.shutdown()
        self.http.server_close()
        self._thread.join()


def script(path, text):
    """A command of a few lines of shell."""
    path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
    path.chmod(0o755)
    return path


def sleeper():
    """A process that does nothing until it is killed."""
    return subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            preexec_fn=lambda: die_with_parent(9))


def hog(seconds):
    """Busy processes, one a CPU, that end by themselves and leave the CPUs to whoever else wants them."""
    def prepare():
        die_with_parent(9)
        os.nice(19)

    code = f"import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass"
    return [subprocess.Popen([sys.executable, "-S", "-c", code], preexec_fn=prepare)
            for _ in range(len(os.sched_getaffinity(0)))]


class AppCase(Case):
    """A server on ADDRESS with an application beside it."""

    def watched(self, *arguments, **options):
        """A server with these arguments and a load balancer that watches it."""
        server = self.server(4243, *arguments)
        options.setdefault("--liveness-interval", "1s")
        lb = self.lb([ADDRESS], *[x for pair in options.items() for x in pair])
        return server, lb

    def http(self):
        app = Http()
        self.addCleanup(app.close)
        return app

    def sleeper(self):
        process = sleeper()
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process
