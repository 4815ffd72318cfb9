"""Peers that break QUIC or TLS, with the keys to do it (tests/tools/rogue_peer.c): the connection ends
with the error that RFC 9000 and RFC 9001 name, and the process goes on with everybody else.  All the
cases, on both sides: tests/unit/quic/test_server_errors.c, test_client_errors.c."""

import os
import re
import unittest

from lib.case import SLOW, free_port
from lib.jwt import openssl
from lib.process import Process
from lib.raw import RawCase

ROGUE_PEER = os.environ.get("QHCP_ROGUE_PEER", "")
KEY_UPDATE = "0600051800000100"
TICKET = "060015040000110000000100000000016e0003746b740000"

# What is wrong, and the error that the other side answers with; for clients and for servers.
EITHER = {
    "no transport parameters": ("noparams=1", 0x16d),
    "no initial_source_connection_id": ("without=0f", 0x8),
    "a transport parameter twice": ("params=040480010000", 0x8),
    "another ALPN": ("alpn=qhcp/2", 0x178),
    "KeyUpdate in Handshake": ("handshake=" + KEY_UPDATE, 0x10a),
    "KeyUpdate in 1-RTT": ("app=" + KEY_UPDATE, 0x10a),
    "an unknown frame": ("app=21", 0x7),
}
CLIENT = {"HANDSHAKE_DONE": ("app=1e", 0xa), "STREAM beyond the limit": ("app=0e00800100000178", 0x3)}
SERVER = {"NEW_TOKEN without a token": ("app=0700", 0x7), "a stream of the server's": ("app=0a010178", 0x4)}
ALLOWED_CLIENT = {"nothing": "app=01", "a number that is the largest": "params=0b027fff",
                  "an empty CRYPTO frame": "app=060000"}
ALLOWED_SERVER = {"HANDSHAKE_DONE": "app=1e", "a ticket": "app=" + TICKET}


@unittest.skipUnless(ROGUE_PEER, "this build has no rogue peer (QHCP_ROGUE_PEER is not set)")
class Rogue(RawCase):
    def rogue(self, *arguments, name):
        self._started += 1
        peer = Process([ROGUE_PEER, *arguments], name=name, log=self.dir / f"{self._started}.log",
                       env=self.env())
        self.addCleanup(peer.close)
        return peer

    def result(self, peer):
        """(code or None, line): how its first connection went."""
        _, line = peer.wait_line(lambda line: line.startswith(("closed", "goes-on")), 6 * SLOW)
        found = re.match(r"closed quic 0x(\w+)", line)
        return (int(found[1], 16) if found else None), line

    def test_a_server_ends_those_connections_and_watches_on(self):
        port = free_port()
        server = self.ready_server(port)
        lb = self.lb([f"127.0.0.1:{port}"])
        lb.wait_event("up", 10)
        for name, (option, code) in {**EITHER, **CLIENT}.items():
            with self.subTest(name):
                got, line = self.result(self.rogue("dial", f"127.0.0.1:{port}", option, name=name))
                self.assertEqual(got, code, line)
        for name, option in ALLOWED_CLIENT.items():
            with self.subTest(name):
                _, line = self.result(self.rogue("dial", f"127.0.0.1:{port}", option, name=name))
                self.assertEqual(line, "goes-on")
        lb.wait_status(lambda s: s["up"] == 1, 5, len(lb.lines))
        self.assertEqual([e["to"] for e in lb.events()], ["up"])
        self.assertIsNone(server.popen.poll())
        self.assert_stops(server)

    def test_a_load_balancer_ends_those_connections_and_watches_on(self):
        good = free_port()
        self.ready_server(good)
        cert = [str(self.state / "server" / name) for name in ("cert.pem", "key.pem")]
        peers, ports = {}, {}
        rows = {**EITHER, **SERVER,
                **{name: (option, None) for name, option in ALLOWED_SERVER.items()}}
        for name, (option, _) in rows.items():
            ports[name] = free_port()
            peers[name] = self.rogue("listen", f"127.0.0.1:{ports[name]}", *cert, option, name=name)
            peers[name].wait_line(lambda line: line == "listening", 5 * SLOW)
        lb = self.lb([f"localhost:{port}" for port in (good, *ports.values())])
        for name, (_, code) in rows.items():
            with self.subTest(name):
                got, line = self.result(peers[name])
                self.assertEqual(got, code, line)
        bad = {f"localhost:{ports[name]}" for name in {**EITHER, **SERVER}}
        lb.wait_status(lambda status: all(s["state"] == "down" and s["reason"] for s in status["servers"]
                                          if s["address"] in bad), 15)
        events = [(e["from"], e["to"]) for e in lb.events() if e["address"] == f"localhost:{good}"]
        self.assertEqual(events, [("connecting", "up")])
        self.assert_stops(lb)

    def many_names(self):
        """(certificate, key): GnuTLS needs half a second to read it, and all servers' checks would wait."""
        config = self.dir / "many.cnf"
        config.write_text("[req]\ndistinguished_name = dn\nprompt = no\n[dn]\nCN = localhost\n" +
                          "".join(f"{i}.C = DE\n" for i in range(2200)), encoding="ascii")
        cert, key = str(self.dir / "many.pem"), str(self.dir / "many-key.pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                key, "-out", cert, "-config", config)
        return cert, key

    def test_a_certificate_that_takes_long_to_read_is_not_read(self):
        cert, key = self.many_names()
        good, bad, strict = free_port(), free_port(), free_port()
        self.ready_server(good)
        peer = self.rogue("listen", f"127.0.0.1:{bad}", cert, key, name="many names")
        peer.wait_line(lambda line: line == "listening", 5 * SLOW)
        lb = self.lb([f"localhost:{good}", f"localhost:{bad}"])
        code, line = self.result(peer)
        self.assertEqual(code, 0x12a, line)
        lb.wait_status(lambda status: [s["state"] for s in status["servers"]] == ["up", "down"] and
                       "larger than 16384 bytes" in status["servers"][1]["reason"], 10)
        self.ready_server(strict, "--client-ca", self.state / "ca/ca.pem")
        code, line = self.result(self.rogue("dial", f"127.0.0.1:{strict}", f"cert={cert}", f"key={key}",
                                            name="many names too"))
        self.assertEqual(code, 0x12a, line)
        self.assertIn("larger than 16384 bytes", line)
