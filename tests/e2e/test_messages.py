"""What a client may say to a server, and when: who breaks the protocol is told how, and all others
are served."""

import os

from lib import raw
from lib.case import SLOW
from lib.raw import RawCase, hello, request, wait_log, wire

PORT = 4243


class Messages(RawCase):
    """What a client may say, and when."""

    def setUp(self):
        super().setUp()
        self.boss = self.ready_server(PORT)
        self.key = self.lb_key()

    def assert_ends(self, client, code, words, stream=True):
        """ERROR, then CONNECTION_CLOSE; without a control stream there is no place for ERROR."""
        if stream:
            error = client.message(wire.ERROR).fields
            self.assertEqual(hex(error["code"]), hex(code))
        end = client.end(within=8)
        self.assertEqual((end.by, end.application, hex(end.code)), ("closed-by-peer", True, hex(code)))
        self.assertRegex(end.words, words)
        self.assertEqual(end.words, error["words"].decode() if stream else end.words)
        wait_log(self.boss, words, 5)

    def greeted(self):
        client = self.dial(PORT)
        client.send(hello(self.key.token(client.exporter)))
        client.message(wire.ACK)
        return client

    def test_who_breaks_the_protocol_is_told_how_and_the_others_are_served(self):
        silent, other = self.dial(PORT, name="silent"), self.greeted()
        answer = raw.frame(wire.HEALTH_RESPONSE, boot_id=b"12345678", epoch=1, status=0,
                           processing_us=1)
        before = [
            ("a check", request(1), False, raw.UNEXPECTED, "HEALTH_REQUEST not expected"),
            ("a check in a datagram", request(1), True, raw.UNEXPECTED, "HEALTH_REQUEST not expected"),
            ("CONFIG_UPDATE", raw.frame(wire.CONFIG_UPDATE, id=1), False, raw.UNEXPECTED,
             "CONFIG_UPDATE not expected"),
            ("TERMINATE", raw.frame(wire.TERMINATE, deadline_us=0, reason=b""), False,
             raw.UNEXPECTED, "TERMINATE not expected"),
            ("a server's answer", answer, True, raw.UNEXPECTED, "HEALTH_RESPONSE not expected"),
            ("HELLO in a datagram", hello("x"), True, raw.DATAGRAM, "not allowed in a datagram"),
            ("a type in two bytes", b"\x40\x01\x00", False, raw.VARINT, "shortest form"),
            ("a length in two bytes", b"\x01\x40\x00", False, raw.VARINT, "shortest form"),
            ("a frame of 16,385 bytes", wire.varint(1) + wire.varint(16385), False, raw.TOO_LARGE,
             "too large"),
            ("a frame of 2^62 - 1 bytes", wire.varint(1) + b"\xff" * 8, False, raw.TOO_LARGE,
             "too large"),
            ("garbage", bytes(range(255, 127, -1)), False, raw.TOO_LARGE, "too large"),
            ("garbage in a datagram", b"\x01\x05abc", True, raw.TRUNCATED, "ends before"),
            ("more in the datagram", request(1) + b"\0", True, raw.LEFT_OVER, "left over"),
            ("HELLO without anything", raw.raw_frame(wire.HELLO, b""), False, raw.KEY_MISSING,
             "missing"),
            ("keys out of order", raw.raw_frame(wire.HELLO, b"\x01\x01a\x00\x40\x64"), False,
             raw.KEY_ORDER, "ascending"),
            ("an id that is not UTF-8", raw.raw_frame(wire.HELLO, b"\x00\x80\x0f\x42\x40\x01\x01\xff"),
             False, raw.UTF8, "UTF-8"),
        ]
        for name, data, datagram, code, words in before:
            with self.subTest("before HELLO: " + name):
                client = self.dial(PORT)
                client.send(data, datagram)
                self.assert_ends(client, code, words, not datagram)
                client.close()
        after = [
            ("HELLO again", lambda e: hello(self.key.token(e)), "HELLO not expected"),
            ("ACK", lambda e: raw.frame(wire.ACK, interval_us=1000, server_id=b"x", processing_us=0,
                                        boot_id=b"12345678", push=0), "ACK not expected"),
            ("a server's answer", lambda e: answer, "HEALTH_RESPONSE not expected"),
            ("CONFIG_ACK", lambda e: raw.frame(wire.CONFIG_ACK, id=1, interval_us=1000, push=0),
             "CONFIG_ACK not expected"),
            ("TERMINATE_ACK", lambda e: raw.frame(wire.TERMINATE_ACK, outcome=0),
             "TERMINATE_ACK not expected"),
        ]
        for name, make, words in after:
            with self.subTest("after ACK: " + name):
                client = self.greeted()
                client.send(make(client.exporter))
                self.assert_ends(client, raw.UNEXPECTED, words)
                client.close()
        other.send(request(1), datagram=True)
        self.assertEqual(other.datagram().fields["seq"], 1, "an innocent session suffered")
        self.assert_ends(silent, raw.TIMEOUT, "no HELLO within 5 s", stream=False)

    def test_what_is_not_known_is_passed_over(self):
        client = self.dial(PORT)
        grease = [raw.raw_frame(0x1f * n + 0x21, os.urandom(n)) for n in (0, 1, 300)]
        unknown = raw.raw_frame(0x3fff, b"whatever")
        plain = hello(self.key.token(client.exporter))
        size = wire.Reader(plain[1:])
        payload = plain[len(plain) - size.varint():]
        more = payload + wire.varint(0x40) + wire.varint(7) + wire.varint(0x41) + b"\x03abc"
        client.send(b"".join(grease) + unknown + raw.raw_frame(wire.HELLO, more) + grease[1])
        client.message(wire.ACK)
        client.send(grease[2], datagram=True)
        client.send(unknown + request(1))
        self.assertEqual(client.message(wire.HEALTH_RESPONSE).fields["seq"], 1)
        self.assertIsNone(client.closed)

    def test_a_message_comes_in_any_pieces(self):
        client = self.dial(PORT)
        for byte in hello(self.key.token(client.exporter)):
            client.send(bytes([byte]))
        client.message(wire.ACK)
        client.send(b"".join(request(seq) for seq in range(1, 51)))
        self.assertEqual([client.message(wire.HEALTH_RESPONSE).fields["seq"] for _ in range(50)],
                         list(range(1, 51)))

    def test_no_second_stream_is_to_be_had(self):
        client = self.greeted()
        client.tell("streams")
        self.assertEqual(client.until(lambda: client.left), (0, 0))

    def test_a_client_that_sends_without_end_is_cut_off(self):
        other, flood, pour = self.greeted(), self.greeted(), self.greeted()
        flood.tell("flood " + request(1).hex())
        pour.tell("pour " + (raw.raw_frame(0x21, b"x") * 100).hex())
        for client in (flood, pour):
            client.until(lambda c=client: c.closed, within=10 * SLOW)
            self.assertEqual(client.closed.code, raw.EXCESSIVE)
            client.close()
        other.send(request(1), datagram=True)
        self.assertEqual(other.datagram().fields["seq"], 1)
