"""Something that answers like the admin interface of `qhcp lb`, and says what a test wants."""

import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit


def server(name, state="up", **more):
    return {"server": f"id-{name}", "name": name, "state": state, "since": "2026-11-28T02:10:30.000Z", "reason": "",
            "notice": "", "share": 1000, "tags": [], "intent": {"use": "in_use", "weight": 1},
            "report": {"metrics": {"cpu_usage_percent": 10.0}},
            "verdict": {"rtt_us": 500, "evidence": ""}, "forward": None, **more}


class Pretend(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """servers: a list of objects; a test may change it.  asked: the paths that were asked for."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path, servers):
        self.servers, self.asked, self.bodies = servers, [], []
        self.streams, self.ending = [], threading.Event()
        super().__init__(str(path), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def event(self, seq, **event):
        text = f"id: 1-{seq}\nevent: {event['kind']}\ndata: {json.dumps({'seq': seq, **event})}\n\n"
        for stream in self.streams:
            stream.write(text.encode())
            stream.flush()

    def handle_error(self, *_):
        pass  # a client that went away

    def close(self):
        self.ending.set()
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass

    def answer(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        pretend = self.server
        pretend.bodies.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.answer(next(s for s in pretend.servers if s["server"] == self.path.split("/")[4]))

    def do_GET(self):
        pretend, url = self.server, urlsplit(self.path)
        pretend.asked.append(self.path)
        if url.path == "/api/v1/self":
            self.answer({"status": "ok", "servers": {"healthy": 1, "total": len(pretend.servers)}})
        elif url.path == "/api/v1/events":
            self.follow()
        elif url.path == "/api/v1/servers":
            query = parse_qs(url.query)
            first, limit = int(query["after"][0]), int(query["limit"][0])
            after = first + limit
            self.answer({"time": "2026-11-28T02:10:30.000Z", "seq": 5, "servers": pretend.servers[first:after],
                         "next": str(after) if after < len(pretend.servers) else None})
        else:
            found = [s for s in pretend.servers if s["server"] == url.path.split("/")[4]]
            self.answer(found[0] if found else {}, 200 if found else 404)

    def follow(self):
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b":\n\n")
        self.wfile.flush()
        self.server.streams.append(self.wfile)
        self.server.ending.wait()
