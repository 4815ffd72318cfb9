"""Stands in for the admin interface of a load balancer with thousands of servers, for the page alone: the same answers, made up."""

import contextlib
import http.server
import json
import pathlib
import threading
import time
from datetime import datetime, timezone

PAGE = pathlib.Path(__file__).resolve().parents[3] / "src" / "admin" / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
STATES = ("up", "down", "up", "degraded", "up", "draining")


def now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class LargeFleet:
    """`n` servers, of which `rate` change each second once start() is called."""

    def __init__(self, n, rate):
        self.n, self.rate, self.sent = n, rate, 0
        self.go, self.over = threading.Event(), threading.Event()
        self.lists = json.dumps({"time": now(), "version": 1, "seq": 0, "next": None, "servers": [self.server(i) for i in range(n)]}).encode()
        fleet = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = self.path.partition("?")[0]
                if path == "/api/v1/servers":
                    self.give(fleet.lists, "application/json")
                elif path == "/api/v1/events" and "event-stream" in self.headers.get("Accept", ""):
                    fleet.stream(self)
                elif path in ("/api/v1/events", "/api/v1/history"):
                    self.give(b'{"events": []}', "application/json")
                elif path == "/api/v1/self":
                    self.give(json.dumps({"id": "large", "status": "ok", "panic": False}).encode(), "application/json")
                else:
                    file = PAGE / ("index.html" if path == "/" else path.rpartition("/")[2])
                    self.give(file.read_bytes() if file.is_file() else b"", TYPES.get(file.suffix, "text/plain"))

            def give(self, data, kind):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @staticmethod
    def server(i):
        name = f"10.{i // 62500}.{i // 250 % 250}.{i % 250 + 1}:4243"
        return {"server": name, "name": f"web{i}", "address": name, "state": "up", "since": now(), "cause": "none", "reason": "", "share": 1000, "tags": []}

    def stream(self, client):
        client.send_response(200)
        client.send_header("Content-Type", "text/event-stream")
        client.send_header("Connection", "close")
        client.end_headers()
        client.wfile.flush()
        self.go.wait()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.changes(client)
        client.close_connection = True

    def changes(self, client):
        begun = time.monotonic()
        while not self.over.is_set():
            due = int((time.monotonic() - begun) * self.rate)
            while self.sent < due:
                i = self.sent * 7919 % self.n
                turn = self.sent // self.n + self.sent % 2
                e = {"seq": self.sent + 1, "time": now(), "kind": "state", "server": self.server(i)["server"], "name": f"web{i}", "from": STATES[turn % 6],
                     "to": STATES[(turn + 1) % 6], "cause": "silence", "reason": "no answer to 7 checks in 71 ms", "evidence": "", "who": ""}
                client.wfile.write(f"id: {e['seq']}\ndata: {json.dumps(e)}\n\n".encode())
                self.sent += 1
            client.wfile.flush()
            self.over.wait(0.02)

    def start(self):
        self.go.set()

    def close(self):
        self.over.set()
        self.go.set()
        self.http.shutdown()
        self.http.server_close()
