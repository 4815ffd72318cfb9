"""A QUIC peer without manners (tests/tools/raw_peer.c) at a test's command: what it sends is what
the test says, what it hears comes back decoded by the second implementation of the wire format."""

import contextlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from lib.case import SLOW, Case, free_port
from lib.jwt import LbKey
from lib.process import PATIENCE, Gone, Process, wait_log

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "interop"))
import qhcp_wire as wire  # noqa: E402

RAW_PEER = os.environ.get("QHCP_RAW_PEER", "")

# Codes of docs/protocol.md that a token's refusal has.
NO_ERROR, UNEXPECTED, VARINT, TRUNCATED, KEY_ORDER = 0x100, 0x102, 0x103, 0x104, 0x105
KEY_DUPLICATE, KEY_MISSING, VALUE, UTF8 = 0x106, 0x107, 0x108, 0x109
LEFT_OVER, TOO_LARGE = 0x10a, 0x10b
TIMEOUT, EXCESSIVE, STOPPING, DATAGRAM = 0x10e, 0x10f, 0x110, 0x112
TOKEN_MISSING, TOKEN_MALFORMED, TOKEN_ALGORITHM, TOKEN_KEY = 0x120, 0x121, 0x122, 0x123
TOKEN_SIGNATURE, TOKEN_ISSUER, TOKEN_AUDIENCE, TOKEN_EXPIRED = 0x124, 0x125, 0x126, 0x127
TOKEN_EARLY, TOKEN_BINDING, TOKEN_SCOPE, TOKEN_CRIT, TOKEN_CLAIM = 0x128, 0x129, 0x12a, 0x12b, 0x12c


def peak_kb(process):
    """The most memory that a running process ever had."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1])


def udp_sockets(process):
    """How many UDP sockets a running process has."""
    inodes = set()
    for name in ("udp", "udp6"):
        with open(f"/proc/{process.pid}/net/{name}", encoding="ascii") as table:
            inodes.update(line.split()[9] for line in table.readlines()[1:])
    count = 0
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += os.readlink(link)[len("socket:["):-1] in inodes
    return count


def write_private(path, text, mode=0o600):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="ascii") as out:
        out.write(text)
    os.chmod(path, mode)
    return path


def frame(kind, **fields):
    """Bytes of a message; text and byte fields as bytes."""
    return wire.encode(wire.Message(kind, fields))


def raw_frame(kind, payload):
    return wire.varint(kind) + wire.varint(len(payload)) + payload


def hello(token=None, **over):
    fields = {"interval_us": 1_000_000, "lb_id": b"raw peer", "metrics": [1, 2]}
    if token is not None:
        fields["token"] = token.encode() if isinstance(token, str) else token
    return frame(wire.HELLO, **{**fields, **over})


def request(seq, epoch=0):
    return frame(wire.HEALTH_REQUEST, seq=seq, epoch=epoch)


class Close:
    """How a connection ended; `by` as raw_peer names it."""

    def __init__(self, text):
        self.by, kind, code, self.words = (text + "    ").split(" ", 3)
        self.application, self.code = kind == "app", int(code, 16)
        self.words = self.words.strip()


class Peer(Process):
    """One connection's story: connect(), then send and wait.  What came is in messages (control
    stream), datagrams and closed."""

    def __init__(self, *arguments, **options):
        super().__init__([RAW_PEER, *map(str, arguments)], stdin=subprocess.PIPE, **options)
        self.at = 0
        self.forget()

    def forget(self):
        self.exporter = self.resumed = self.closed = self.port = self.left = None
        self.stream, self.messages, self.datagrams, self.refused = b"", [], [], []

    def close(self):
        super().close()
        self.popen.stdin.close()

    def tell(self, command):
        """False when it has gone."""
        try:
            self.popen.stdin.write(command.encode() + b"\n")
        except BrokenPipeError:
            return False
        return True

    def send(self, data, datagram=False):
        if isinstance(data, int):  # a signal, as every process takes it
            return super().send(data)
        return self.tell(("datagram " if datagram else "stream ") + data.hex())

    def _frames(self):
        while self.stream:
            reader = wire.Reader(self.stream)
            try:
                reader.varint()
                size = reader.varint()
            except wire.WireError:
                return
            if reader.left() < size:
                return
            total = reader.at + size
            self.messages.append(wire.decode(self.stream[:total]))
            self.stream = self.stream[total:]

    def _take(self, line):
        kind, _, rest = line.partition(" ")
        if kind == "stream":
            self.stream += bytes.fromhex(rest)
            self._frames()
        elif kind == "datagram":
            self.datagrams.append(wire.decode(bytes.fromhex(rest)))
        elif kind == "connected":
            self.forget()
            self.exporter, how = bytes.fromhex(rest.split()[0]), rest.split()[1]
            self.resumed = how == "resumed"
        elif kind == "closed":
            self.closed = Close(rest)
        elif kind == "listening":
            self.port = int(rest)
        elif kind == "streams-left":
            self.left = tuple(map(int, rest.split()))
        elif kind == "error":
            raise Gone(f"{self.name}: {rest}")
        else:
            self.refused.append(kind)

    def step(self, within):
        """Takes in the next line, at the latest after `within` seconds; False when none came."""
        if self.at == len(self.lines):
            self._pull(within)
        if self.at == len(self.lines):
            return False
        self._take(self.lines[self.at])
        self.at += 1
        return True

    def until(self, wanted, within=5):
        """Takes in what comes until wanted() is true; what that is."""
        within = max(within, PATIENCE)
        deadline = time.monotonic() + within
        while not wanted():
            left = deadline - time.monotonic()
            if left <= 0 or (self._eof and self.at == len(self.lines)):
                raise Gone(f"{self.name}: what was waited for did not come\n{self.story()}")
            self.step(left)
        return wanted()

    def connected(self, within=5):
        self.until(lambda: self.exporter or self.closed, within)
        if self.closed:
            raise Gone(f"{self.name}: no connection: {self.closed.by} {self.closed.words}")
        return self

    def message(self, kind, within=5):
        """The next message of the control stream, which must be of this kind; taken out."""
        self.until(lambda: self.messages or self.closed, within)
        if not self.messages or self.messages[0].type != kind:
            got = wire.type_name(self.messages[0].type) if self.messages else self.closed.words
            raise AssertionError(f"{wire.type_name(kind)} was due, and this came: {got}\n"
                                 f"{self.story()}")
        return self.messages.pop(0)

    def datagram(self, within=5):
        self.until(lambda: self.datagrams, within)
        return self.datagrams.pop(0)

    def end(self, within=5):
        return self.until(lambda: self.closed, within)


class RawCase(Case):
    """A test that speaks to the components as a raw peer."""

    def setUp(self):
        super().setUp()
        if not RAW_PEER:
            self.skipTest("this build has no raw peer (QHCP_RAW_PEER is not set)")

    def peer(self, *arguments, name):
        self._started += 1
        peer = Peer(*arguments, name=name, log=self.dir / f"{self._started}.log", env=self.env())
        self.addCleanup(peer.close)
        return peer

    def dial(self, port, trust=None, cert=(), name="raw client"):
        """A connected client; it has not said HELLO."""
        return self.peer("dial", f"127.0.0.1:{port}", "localhost", trust or self.state / "ca/ca.pem",
                         *cert, name=name).connected(5 * SLOW)

    def listen(self, cert=None, port=0, name="raw server"):
        """A listening server with the state directory's certificate, or (certificate, key)."""
        cert = cert or (self.state / "server/cert.pem", self.state / "server/key.pem")
        peer = self.peer("listen", f"127.0.0.1:{port or free_port()}", *cert, name=name)
        peer.until(lambda: peer.port)
        return peer

    def ready_server(self, port, *arguments, **options):
        """A server that listens; the state directory is made."""
        server = self.server(port, "--log-level", "debug", *arguments, **options)
        wait_log(server, r"listening on UDP", 10 * SLOW)
        return server

    def make_state(self, state=None):
        """What the first start makes, made."""
        self.qhcp("check", "127.0.0.1:9", "--timeout", "10ms", state=state)
        return state or self.state

    def lb_key(self):
        return LbKey(self.state / "lb/token-key.json")
