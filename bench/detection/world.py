"""The world of the measurement: a network namespace of its own, processes, their lines with the instants
at which they came, and faults of the network.

One thread, one selector.  Verdicts are stamped by a process that does nothing else (stamp.c), so that what
this one is busy with does not count; faults are stamped here, just before they are made."""

import ctypes
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tests" / "e2e"))
from lib.net import die_with_parent, isolate, ip  # noqa: E402  (the harness of the end-to-end tests)

HELPERS = Path(os.environ.get("QHCP_BENCH_HELPERS", ""))
QHCP = os.environ.get("QHCP_BINARY", "")
MS = 1_000_000
S = 1_000_000_000

SO_TIMESTAMPNS, SO_ATTACH_FILTER, SO_SNDBUFFORCE, SO_RCVBUFFORCE = 35, 26, 32, 33

now = time.monotonic_ns

RULES = """
table inet faults {
    set to { type inet_service; }
    set from { type inet_service; }
    set answered { type inet_service; size 4096; flags dynamic; }
    counter dials { }
    chain lossy { }
    chain unheard { }
    chain dark { }
    chain in {
        type filter hook input priority 0;
        udp dport 5000-5999 udp length >= 1200 counter name dials
        jump dark
        meta l4proto { tcp, udp } th dport @to drop
        meta l4proto { tcp, udp } th sport @from drop
        jump unheard
        jump lossy
        udp sport 5000-5999 update @answered { udp sport }
    }
}
"""
SERVERS = "5000-6999"  # the agents' ports (UDP) and the applications' (TCP)


class Nft:
    """libnftables in this process: a change takes a millisecond, where running nft would take ten."""

    def __init__(self):
        self.lib = ctypes.CDLL("libnftables.so.1")
        self.lib.nft_ctx_new.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.lib.nft_ctx_new(0))
        self.lib.nft_ctx_buffer_output(self.context)
        self.lib.nft_ctx_get_output_buffer.restype = ctypes.c_char_p
        self.slowest = 0

    def run(self, text):
        begun = now()
        if self.lib.nft_run_cmd_from_buffer(self.context, text.encode()) != 0:
            raise RuntimeError(f"nft refused: {text}")
        self.slowest = max(self.slowest, now() - begun)
        return (self.lib.nft_ctx_get_output_buffer(self.context) or b"").decode()

    def cut(self, port, ways, on):
        """ways: of "to" and "from", in one transaction."""
        self.run("".join(f"{'add' if on else 'delete'} element inet faults {way} {{ {port} }}\n"
                         for way in ways))

    def cut_all(self, on):
        self.chain("dark", [f"udp {way} {SERVERS} drop" for way in ("dport", "sport")] if on else [])

    def lose(self, percent):
        """Loses packets of the servers' at random, each way."""
        rules = [f"meta l4proto {{ tcp, udp }} th {way} {SERVERS} numgen random mod 100 < {percent} drop"
                 for way in ("dport", "sport")]
        self.chain("lossy", rules if percent else [])

    def filter_icmp(self, on):
        self.chain("unheard", ["icmp type destination-unreachable drop"] if on else [])

    def chain(self, name, rules):
        self.run(f"flush chain inet faults {name}\n" +
                 "".join(f"add rule inet faults {name} {rule}\n" for rule in rules))

    def dials(self):
        """Packets of 1,200 bytes or more since the last call: those that begin handshakes."""
        return int(self.run("reset counter inet faults dials").split("packets ")[1].split()[0])

    def answered(self):
        """Ports of agents from which anything came since the last call."""
        shown = self.run("list set inet faults answered")
        self.run("flush set inet faults answered")
        ports = shown.split("elements = {")[1].split("}")[0] if "elements" in shown else ""
        return len([p for p in ports.split(",") if p.strip()])


class World:
    """Children, and what they say: on_line(instant, text) for each line."""

    def __init__(self, quick=False):
        self.calm = (1 if quick else 3) * S  # how long all that was started is left alone
        if not isolate():
            raise RuntimeError("this machine lets us make no network namespace")
        self.selector = selectors.DefaultSelector()
        self.children = []
        self.nft = Nft()
        self.nft.run(RULES)
        self.stamps = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # or the kernel stamps a socket's
        self.stamps.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)    # first packets when they are read
        Path("/proc/sys/net/unix/max_dgram_qlen").write_text("512")  # of this namespace alone

    def spawn(self, command, env=None, on_line=None, error_lines=None, stdin=None):
        """Starts a child that dies with us.  Its standard output and its standard error go to the two
        functions, or nowhere."""
        child = subprocess.Popen(
            list(map(str, command)), stdin=stdin or subprocess.DEVNULL,
            stdout=subprocess.PIPE if on_line else subprocess.DEVNULL,
            stderr=subprocess.PIPE if error_lines else subprocess.DEVNULL,
            env={**os.environ, "TZ": "UTC", **(env or {})}, bufsize=0,
            preexec_fn=lambda: die_with_parent(signal.SIGKILL))
        self.children.append(child)
        for pipe, function in ((child.stdout, on_line), (child.stderr, error_lines)):
            if pipe:
                os.set_blocking(pipe.fileno(), False)
                self.selector.register(pipe, selectors.EVENT_READ, [function, b""])
        return child

    def spawn_into(self, command, out, env, stdin=subprocess.DEVNULL):
        """The same with its standard output into that descriptor."""
        child = subprocess.Popen(list(map(str, command)), stdin=stdin, stdout=out,
                                 stderr=None, env={**os.environ, **env},
                                 preexec_fn=lambda: die_with_parent(signal.SIGKILL))
        self.children.append(child)
        return child

    def pump(self, until):
        """Hands lines on until that instant has come, or once where it has."""
        while True:
            wait = max(0, until - now()) / S
            for key, _ in self.selector.select(wait):
                self.read(key)
            if now() >= until:
                return

    def wait(self, condition, seconds, what):
        """Pumps until condition() is true."""
        deadline = now() + int(seconds * S)
        while not condition():
            if now() > deadline:
                raise RuntimeError(f"{seconds} s passed: {what}")
            self.pump(min(now() + 20 * MS, deadline))

    def read(self, key):
        data = key.fileobj.read(1 << 20)
        if not data:
            if data is not None:
                self.selector.unregister(key.fileobj)
                key.fileobj.close()
            return
        *lines, key.data[1] = (key.data[1] + data).split(b"\n")
        for line in lines:
            key.data[0](now(), line.decode("utf-8", "replace"))

    def hand_on(self, count):
        """How long this machine takes to hand a line through three processes: what no figure can be
        better than by much."""
        ends, taken = [os.pipe() for _ in range(3)], []
        for i in range(2):
            self.spawn_into([HELPERS / "detection-stamp"], ends[i + 1][1], {}, stdin=ends[i][0])
        self.spawn([HELPERS / "detection-stamp"], stdin=ends[2][0],
                   on_line=stamped(lambda at, line: taken.append(at - int(line.split()[-1]))))
        for _ in range(count):
            self.pump(now() + 20 * MS)
            os.write(ends[0][1], f"{now()}\n".encode())
        self.wait(lambda: len(taken) == count, 10, "lines are handed on")
        for child in self.children[-3:]:
            self.end(child)
        for end in sum(ends, ()):
            os.close(end)
        return taken

    def end(self, child):
        if child.poll() is None:
            child.kill()
        child.wait()
        if child in self.children:
            self.children.remove(child)

    def close(self):
        for child in self.children[:]:
            self.end(child)


def stamped(function):
    """For the lines of stamp: function(instant, text) with the instant in them."""
    def take(_, line):
        at, _, text = line.partition(" ")
        function(int(at), text)
    return take


def datagram_pair():
    """Where a program writes and where stamp reads: each write a datagram, stamped by the kernel."""
    read, write = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for end, option in ((write, SO_SNDBUFFORCE), (read, SO_RCVBUFFORCE)):
        end.setsockopt(socket.SOL_SOCKET, option, 8 << 20)
    return read, write


def wall_ahead():
    """The wall clock less the monotonic one: of several readings the one that took the least time."""
    readings = []
    for _ in range(5):
        begun, wall, end = now(), time.clock_gettime_ns(time.CLOCK_REALTIME), now()
        readings.append((end - begun, wall - begun))
    return min(readings)[1]


class Packets:
    """UDP packets over IPv4 that leave from one port, by the kernel's clock, from now on."""

    def __init__(self, port):
        # Ethernet's type, IP's protocol, UDP's source port (no IP options): tcpdump -dd does the same.
        code = [(0x28, 0, 0, 12), (0x15, 0, 5, 0x0800), (0x30, 0, 0, 23), (0x15, 0, 3, 17),
                (0x28, 0, 0, 34), (0x15, 0, 1, port), (0x06, 0, 0, 64), (0x06, 0, 0, 0)]
        program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                               struct.pack("HL", len(code), ctypes.addressof(program)))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind(("lo", 0))

    def first(self, since):
        """When the first of them since that instant left; None: none did.  Ends the watching."""
        ago = wall_ahead()
        try:
            while True:
                _, control, _, _ = self.socket.recvmsg(64, 64, socket.MSG_DONTWAIT)
                seconds, rest = struct.unpack("qq", control[0][2])
                at = seconds * S + rest - ago
                if at >= since:
                    return at
        except BlockingIOError:
            return None
        finally:
            self.socket.close()


__all__ = ["HELPERS", "MS", "Nft", "Packets", "QHCP", "S", "World", "datagram_pair", "ip", "now",
           "stamped"]
