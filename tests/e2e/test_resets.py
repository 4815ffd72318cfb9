"""Stateless resets (RFC 9000, 10.3): one server's token is worthless against its neighbour on the same
machine, which shares its state directory (21.11).  Whoever may ask one server about a connection ID of
the other's gets a token; only the right server's ends the session."""

import os
import socket
import struct

from lib.case import SLOW
from lib.raw import RawCase, wait_log

LB, FIRST, SECOND = 4242, 4243, 4244
ETH_P_IP = 0x0800
PACKETS = 5  # by chance, as many have nothing more in common
TOKEN = 16


def addressed(packet, port):
    """The UDP payload of an IPv4 packet to this port, or None."""
    head = (packet[0] & 0x0f) * 4
    if packet[9] != socket.IPPROTO_UDP or struct.unpack("!H", packet[head + 2:head + 4])[0] != port:
        return None
    return packet[head + 8:]


class Resets(RawCase):
    def connection_id(self, port):
        """What the load balancer calls its connection to this server, overheard on the wire: what its
        packets have in common behind their first byte."""
        seen = set()
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP)) as wire:
            wire.bind(("lo", ETH_P_IP))
            wire.settimeout(5 * SLOW)
            while len(seen) < PACKETS:
                payload = addressed(wire.recv(65536), port)
                if payload and payload[0] & 0xc0 == 0x40:  # a short header
                    seen.add(payload[1:])
        return os.path.commonprefix(list(seen))

    def ask(self, port, cid):
        """The token with which the server on this port would end a connection of that ID."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5 * SLOW)
            s.sendto(b"\x41" + cid + os.urandom(60), ("127.0.0.1", port))
            return s.recv(2048)[-TOKEN:]

    def forge(self, source, token):
        """A reset as if the server on port `source` had sent it to the load balancer."""
        payload = b"\x43" + os.urandom(25) + token
        udp = struct.pack("!HHHH", source, LB, 8 + len(payload), 0) + payload
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0,
                         socket.inet_aton("127.0.0.1"), socket.inet_aton("127.0.0.1"))
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
            s.sendto(ip + udp, ("127.0.0.1", 0))

    def test_a_neighbours_reset_token_ends_no_session(self):
        self.needs_namespaces()
        self.ready_server(FIRST)
        self.ready_server(SECOND)
        lb = self.lb([f"127.0.0.1:{FIRST}", f"127.0.0.1:{SECOND}"], "--log-level", "debug",
                     "--status-interval", "200ms", port=LB)
        lb.wait_status(lambda s: s["up"] == 2, 10)
        cid = self.connection_id(SECOND)
        neighbours = self.ask(FIRST, cid)
        self.assertEqual(neighbours, self.ask(FIRST, cid), "a server's token does not change")
        logged = len(lb.errors())
        for _ in range(3):
            self.forge(SECOND, neighbours)
        _, before = lb.wait_status(lambda s: True, 5, len(lb.lines))
        lb.wait_status(lambda s: s["servers"][1]["checks_ok"] > before["servers"][1]["checks_ok"] + 2,
                       10, len(lb.lines))
        self.assertNotRegex(lb.errors()[logged:], "reset|ended")

        # The twin: the second server's own token, had from one that is bound as it is elsewhere.
        elsewhere = self.namespace("elsewhere")
        self.ready_server(SECOND, namespace=elsewhere)
        with elsewhere:
            own = self.ask(SECOND, cid)
        self.assertNotEqual(own, neighbours)
        self.forge(SECOND, own)
        wait_log(lb, rf"127.0.0.1:{SECOND}: connection ended: .*stateless reset", 5 * SLOW, logged)
        wait_log(lb, rf"127.0.0.1:{SECOND}: session with", 5 * SLOW, logged)
        self.assertEqual([e for e in lb.events() if e["from"] == "up"], [])
