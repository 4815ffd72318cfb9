"""Clients of `qhcp server --http-listen`: gRPC by its own library, HTTP by curl and by hand, HTTP/2 frame by frame."""

import json
import socket
import struct
import subprocess
import sys
from pathlib import Path

from lib.case import SLOW, Case
from lib.raw import wait_log

PORT, PAGES = 8086, 8087
PATIENCE = 20 * SLOW
SERVING, NOT_SERVING, UNKNOWN = 1, 2, 3
CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
# Of HTTP/2 (RFC 9113, 6 and 7).
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
REFUSED_STREAM, CALM = 7, 11
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def service(name):
    """HealthCheckRequest."""
    return b"\x0a" + varint(len(name)) + name.encode() if name else b""


def interval(seconds):
    """OrcaLoadReportRequest."""
    whole = int(seconds)
    duration = b"\x08" + varint(whole) + b"\x10" + varint(round((seconds - whole) * 1e9))
    return b"\x0a" + varint(len(duration)) + duration


def fields(message):
    """[(number, value)] of a message: a number, a double, or bytes."""
    found = []
    while message:
        def take():
            nonlocal message
            value, shift = 0, 0
            while True:
                byte, message = message[0], message[1:]
                value |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    return value
        tag = take()
        if tag & 7 == 0:
            value = take()
        elif tag & 7 == 1:
            value, message = struct.unpack("<d", message[:8])[0], message[8:]
        else:
            n = take()
            value, message = message[:n], message[n:]
        found.append((tag >> 3, value))
    return found


def mapped(message, number):
    """A map field as a dict."""
    entries = [dict(fields(value)) for n, value in fields(message) if n == number]
    return {e[1].decode(): e.get(2, 0.0) for e in entries}


class Grpc:
    """lib/grpc_client.py; health as numbers, errors as (code, words)."""

    def __init__(self, *where):
        self.popen = subprocess.Popen(["/usr/bin/python3", "-B", str(Path(__file__).with_name("grpc_client.py")), str(PATIENCE), *map(str, where)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr, text=True)

    def ask(self, do, message=b"", **more):
        self.popen.stdin.write(json.dumps({"do": do, "message": message.hex(), **more}) + "\n")
        self.popen.stdin.flush()
        answer = json.loads(self.popen.stdout.readline())
        if "answer" in answer:
            return bytes.fromhex(answer["answer"])
        return (answer["code"], answer["words"]) if "code" in answer else answer.get("stream")

    def health(self, *arguments, **more):
        answer = self.ask(*arguments, **more)
        return dict(fields(answer))[1] if isinstance(answer, bytes) else answer

    def check(self, name=""):
        return self.health("check", service(name))

    def watch(self, name=""):
        return self.ask("watch", service(name))

    def next(self, stream):
        return self.health("next", stream=stream)

    def close(self):
        self.popen.stdin.close()
        self.popen.kill()
        self.popen.stdout.close()
        self.popen.wait()


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def text(data):
    """A string literal of HPACK, without Huffman (RFC 7541, 5.2)."""
    data = data.encode() if isinstance(data, str) else data
    if len(data) < 127:
        return bytes([len(data)]) + data
    return b"\x7f" + varint(len(data) - 127) + data


def header(name, value, indexed=False):
    return (b"\x40" if indexed else b"\x00") + text(name) + text(value)


def call_headers(path=CHECK, more=b""):
    return b"".join(header(*row) for row in ((":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"),
                                             ("content-type", "application/grpc"), ("te", "trailers"))) + more


MESSAGE = b"\0\0\0\0\0"  # a frame of gRPC with the empty message


class Http2:
    """A connection that sends what a test tells it, and sorts what comes into frames (kind, flags, stream, payload)."""

    def __init__(self, port=PORT):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.rest, self.frames, self.ended = b"", [], False
        self.send(PREFACE + frame(SETTINGS))

    def send(self, data):
        """False: the other side has ended the connection."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def call(self, stream, path=CHECK, more=b"", body=MESSAGE):
        return self.send(frame(HEADERS, END_HEADERS, stream, call_headers(path, more)) + frame(DATA, END_STREAM, stream, body))

    def step(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        self.ended = not data
        self.rest += data
        while len(self.rest) >= 9 and len(self.rest) >= 9 + int.from_bytes(self.rest[:3], "big"):
            n = int.from_bytes(self.rest[:3], "big")
            kind, flags, stream = self.rest[3], self.rest[4], int.from_bytes(self.rest[5:9], "big")
            self.frames.append((kind, flags, stream, self.rest[9:9 + n]))
            self.rest = self.rest[9 + n:]
            if kind == SETTINGS and not flags & ACK:
                self.send(frame(SETTINGS, ACK))

    def wait(self, kind, stream=None, flags=0):
        """The first such frame; None: the connection ended before it."""
        while True:
            for found in self.frames:
                if found[0] == kind and stream in (None, found[2]) and found[1] & flags == flags:
                    return found
            if self.ended:
                return None
            self.step()

    def answered(self, stream):
        """Was the call answered to its end?"""
        found = self.wait(HEADERS, stream, END_STREAM)
        return found is not None

    def goaway(self):
        """The code with which the server ended the connection; None: it did not say."""
        found = self.wait(GOAWAY)
        return int.from_bytes(found[3][4:8], "big") if found else None

    def close(self):
        self.socket.close()


class ExposeCase(Case):
    def exposed(self, *arguments, port=4243, listen=f"127.0.0.1:{PORT}", **options):
        """A server that answers at PORT."""
        server = self.server(port, "--http-listen", listen, *arguments, **options)
        wait_log(server, "listening on UDP", 10)
        return server

    def grpc(self, *where):
        client = Grpc(*(where or (f"127.0.0.1:{PORT}",)))
        self.addCleanup(client.close)
        return client

    def http2(self):
        client = Http2()
        self.addCleanup(client.close)
        return client

    def raw(self, data=b"", port=PORT):
        client = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.addCleanup(client.close)
        client.sendall(data)
        return client

    def ask(self, data, port=PORT):
        """The whole answer to these bytes, on a connection that ends with it."""
        client, answer = self.raw(data, port), b""
        while True:
            try:
                piece = client.recv(65536)
            except ConnectionError:
                piece = b""
            if not piece:
                client.close()
                return answer
            answer += piece

    def status(self, data, port=PORT):
        return int(self.ask(data, port).split(b" ", 2)[1])

    def curl(self, *arguments):
        done = subprocess.run(["curl", "-s", "--max-time", str(PATIENCE), *arguments], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout
