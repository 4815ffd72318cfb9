"""Peers that leave twice, leave and stay, leave and are gone, or acknowledge what nobody sent: each ends
its own session, and nobody else waits for it."""

import signal
import time

from lib import raw
from lib.case import SLOW, free_port
from lib.raw import RawCase, hello, request, wire

PORT = 4243
YEAR_US = 365 * 24 * 3600 * 10**6
ACK = raw.frame(wire.ACK, interval_us=200_000, server_id=b"leaver", processing_us=1000, boot_id=b"bootboot",
                push=1, metrics=[{"number": 1, "name": b"cpu_usage_percent", "unit": 1},
                                 {"number": 2, "name": b"memory_usage_percent", "unit": 1}])
TERMINATE_ACK = raw.frame(wire.TERMINATE_ACK, outcome=0)


def terminate(deadline_us=10**6):
    return raw.frame(wire.TERMINATE, deadline_us=deadline_us, reason=b"bye")


class OfClients(RawCase):
    def begin(self, drain_timeout="30s"):
        self.boss = self.ready_server(PORT, "--drain-timeout", drain_timeout)
        self.key = self.lb_key()

    def greeted(self, name="raw client"):
        client = self.dial(PORT, name=name)
        client.send(hello(self.key.token(client.exporter)))
        client.message(wire.ACK)
        return client

    def test_a_client_that_leaves_has_left_whatever_it_says_after_that(self):
        self.begin()
        other = self.greeted("another")
        rows = {
            "once": terminate(),
            "twice": terminate() + terminate(),
            "at once": terminate(0),
            "in a year": terminate(YEAR_US),
            "and checks": terminate() + request(1),
            "and acknowledges": terminate() + TERMINATE_ACK,
            "and sends what is no frame": terminate() + b"\xff" * 40,
        }
        for name, data in rows.items():
            with self.subTest(name):
                client = self.greeted()
                client.send(data)
                end = client.end()
                self.assertEqual((end.by, end.application, end.code),
                                 ("closed-by-peer", True, raw.NO_ERROR), end.words)
                self.assertEqual([m.type for m in client.messages], [wire.TERMINATE_ACK])
                client.close()
        with self.subTest("and greets again"):
            client = self.greeted()
            client.send(terminate() + hello(self.key.token(client.exporter)))
            self.assertEqual(client.end().code, raw.NO_ERROR)
        with self.subTest("and is gone"):
            client = self.greeted()
            client.send(terminate())
            client.tell("close 0x100 gone")
            client.end()
        other.send(request(1), datagram=True)
        self.assertEqual(other.datagram().fields["seq"], 1, "an innocent session suffered")

    def stops(self):
        self.boss.send(signal.SIGTERM)
        return time.monotonic()

    def test_a_server_that_stops_waits_for_nobody_who_has_left(self):
        self.begin()
        twice, crossing, gone, again = (self.greeted(name) for name in
                                        ("acknowledges twice", "leaves too", "is gone", "greets again"))
        mute = self.dial(PORT, name="has not said HELLO")
        start = self.stops()
        for client in (twice, crossing, gone, again):
            client.until(lambda c=client: any(m.type == wire.TERMINATE for m in c.messages))
        twice.send(TERMINATE_ACK * 2)
        crossing.send(terminate() + TERMINATE_ACK)
        gone.tell("close 0x100 gone")
        again.send(hello(self.key.token(again.exporter)))
        self.assertEqual(twice.end().code, raw.NO_ERROR)
        self.assertEqual(crossing.end().code, raw.NO_ERROR)
        self.assertEqual(again.end().code, raw.UNEXPECTED)
        self.assertEqual(mute.end().code, raw.STOPPING)
        self.assertEqual(self.boss.wait(5 * SLOW), 0, self.boss.story())
        self.assertLess(time.monotonic() - start, 10 * SLOW)  # of 30 s

    def test_a_server_that_stops_waits_for_one_who_stays_as_long_as_it_said(self):
        self.begin("2s")
        stays = self.greeted("never acknowledges")
        start = self.stops()
        stays.until(lambda: any(m.type == wire.TERMINATE for m in stays.messages))
        stays.send(request(1), datagram=True)
        self.assertEqual(stays.datagram().fields["status"], 2)  # draining
        self.assertEqual(stays.end(5 * SLOW).code, raw.NO_ERROR)
        self.assertEqual(self.boss.wait(5 * SLOW), 0, self.boss.story())
        self.assertGreater(time.monotonic() - start, 1.9)
        self.assertLess(time.monotonic() - start, 2 + 8 * SLOW)


class OfServers(RawCase):
    def setUp(self):
        super().setUp()
        self.good = free_port()
        self.ready_server(self.good)

    def test_servers_that_leave_in_disorder_are_told_apart(self):
        rows = {  # what it says once it was greeted, and what the load balancer says of it
            "leaves": ([ACK + terminate()], "draining", "server is draining: bye"),
            "leaves at once": ([ACK + terminate(0)], "draining", "server is draining: bye"),
            "leaves in a year": ([ACK + terminate(YEAR_US)], "draining", "server is draining: bye"),
            "leaves and is gone": ([ACK + terminate(), "close 0x100 gone"], "down", "server stopped"),
            "leaves and breaks off": ([ACK + terminate(), "close 0x101 broken"], "down", "broken"),
            "leaves twice": ([ACK + terminate() * 2], "down", "protocol error: TERMINATE"),
            "leaves and greets": ([ACK + terminate() + ACK], "down", "protocol error: ACK"),
            "leaves before it greets": ([terminate() + ACK], "down", "protocol error: TERMINATE"),
            "acknowledges what nobody sent": ([ACK + TERMINATE_ACK], "down",
                                              "protocol error: TERMINATE_ACK"),
        }
        servers = {name: self.listen(name=name) for name in rows}
        address = {name: f"localhost:{server.port}" for name, server in servers.items()}
        lb = self.lb([f"localhost:{self.good}", *address.values()],
                     "--liveness-interval", "2", "--reconnect-interval", "60")
        lb.wait_event("up", 10, f"localhost:{self.good}")
        for name, server in servers.items():
            server.message(wire.HELLO, 10)
            for what in rows[name][0]:
                if isinstance(what, str):
                    server.tell(what)
                else:
                    server.send(what)
        for name, (_, state, words) in rows.items():
            with self.subTest(name):
                _, event = lb.wait_event(state, 5, address[name])
                self.assertRegex(event["reason"], f"^{words}")
        self.assertEqual([e["to"] for e in lb.events() if e["address"] == f"localhost:{self.good}"], ["up"])
        start = time.monotonic()
        self.assert_stops(lb)  # though those that leave never close
        self.assertLess(time.monotonic() - start, 10 * SLOW)
