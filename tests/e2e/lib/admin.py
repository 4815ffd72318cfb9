"""The admin interface of `qhcp lb`, as a program uses it."""

import http.client
import json
import socket
import ssl

from lib.case import SLOW, Case


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.text = response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)

    def error(self):
        """The code and the words of an error."""
        return self.json["error"]["code"], self.json["error"]["message"]


def connect(where, timeout=10):
    """where: the port of 127.0.0.1 (with the path of the CA: by TLS), or the path of a socket."""
    if isinstance(where, tuple):
        return http.client.HTTPSConnection("localhost", where[0], timeout=timeout * SLOW,
                                           context=ssl.create_default_context(cafile=str(where[1])))
    if isinstance(where, int):
        return http.client.HTTPConnection("127.0.0.1", where, timeout=timeout * SLOW)
    return UnixConnection(where, timeout * SLOW)


def ask(where, method, path, body=None, **headers):
    """One request on a connection of its own.  headers: If_Match for If-Match; None: not at all."""
    connection = connect(where)
    try:
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
            headers.setdefault("Content_Type", "application/json")
        for name, value in headers.items():
            if value is not None:
                connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(body.encode() if isinstance(body, str) else body)
        return Answer(connection.getresponse())
    finally:
        connection.close()


class Events:
    """The stream of /api/v1/events: each event as (id, kind, data)."""

    def __init__(self, where, path="/api/v1/events", **headers):
        self.connection = connect(where)
        self.connection.request("GET", path, headers={"Accept": "text/event-stream",
                                                      **{k.replace("_", "-"): v for k, v in headers.items()}})
        self.response = self.connection.getresponse()
        self._block()  # what it begins with

    def _block(self):
        lines = []
        while True:
            line = self.response.readline().decode()
            if line == "":
                raise EOFError("the stream has ended")
            if line == "\n":
                return lines
            lines.append(line.rstrip("\n"))

    def next(self):
        while True:
            fields = dict(line.split(": ", 1) for line in self._block() if not line.startswith(":"))
            if "event" in fields:
                return fields["id"], fields["event"], json.loads(fields["data"])

    def wait(self, wanted):
        while True:
            event = self.next()
            if wanted(event[2]):
                return event

    def close(self):
        self.connection.close()


class AdminCase(Case):
    PORT = 4281

    def pair(self, *arguments):
        """A server that is up, and its load balancer, whose admin interface is on PORT and a socket."""
        self.socket = self.dir / "admin.sock"
        server = self.server(4243)
        lb = self.lb(["127.0.0.1:4243"], "--admin", f"127.0.0.1:{self.PORT}",
                     "--admin", f"unix:{self.socket}", *arguments)
        lb.wait_event("up", within=10)
        return server, lb

    def post(self, path, body=None, **headers):
        """By the socket, whose user may do everything."""
        return ask(self.socket, "POST", path, body, **headers)

    def token(self, *arguments):
        status, out, errors = self.qhcp("keys", "token", *arguments)
        self.assertEqual((status, errors), (0, ""))
        return out.strip()

    def get(self, path, **headers):
        return ask(self.PORT, "GET", path, **headers)
