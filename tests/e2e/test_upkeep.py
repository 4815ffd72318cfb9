"""What a server does when hardly anybody asks, and that it does not do more of it when many ask."""

import re
import time
from pathlib import Path

from lib.raw import RawCase, hello, request, wire

PORT = 4243
SECOND, SLICE = 1_000_000, 0.55  # us; s: more than the age at which values are measured again


class Upkeep(RawCase):
    def setUp(self):
        super().setUp()
        self.server_process = self.ready_server(PORT)
        self.key = self.lb_key()

    def greeted(self, interval_us, name):
        client = self.dial(PORT, name=name)
        client.send(hello(self.key.token(client.exporter), interval_us=interval_us, lb_id=name.encode()))
        client.message(wire.ACK)
        return client

    def proc(self, file, name):
        """A number of the server's that the kernel keeps."""
        text = Path(f"/proc/{self.server_process.pid}/{file}").read_text(encoding="ascii")
        return int(re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)[1])

    def reads(self, what):
        """Reads of files meanwhile: datagrams do not count."""
        before = self.proc("io", "syscr")
        what()
        return self.proc("io", "syscr") - before

    def test_a_server_that_nobody_asks_sleeps(self):
        self.greeted(10 * SECOND, "seldom")

        def sleeps():
            time.sleep(0.3)  # the handshake's end
            before = self.proc("status", "voluntary_ctxt_switches")
            time.sleep(1.5)
            self.assertLessEqual(self.proc("status", "voluntary_ctxt_switches") - before, 3)

        self.try_again(sleeps)

    def test_who_asks_seldom_gets_what_was_measured_for_another(self):
        often, seldom = self.greeted(SECOND // 10, "often"), self.greeted(10 * SECOND, "seldom")

        def ask(client):
            for seq in (1, 2):
                time.sleep(SLICE)
                client.send(request(seq), datagram=True)
                client.datagram()

        measured = self.reads(lambda: ask(often))
        self.assertGreaterEqual(measured, 2 * 3)  # /proc has a file each for CPU, memory and load
        self.assertLess(self.reads(lambda: ask(seldom)), measured / 2)

    def test_many_who_ask_share_the_samples(self):
        def ask(clients):
            for client in clients:
                client.tell("ask 20000")
            time.sleep(1)

        def reads_a_second(clients):
            begun = time.monotonic()
            return self.reads(lambda: ask(clients)) / (time.monotonic() - begun)

        clients = [self.greeted(SECOND // 50, f"lb {i}") for i in range(7)]
        one = reads_a_second(clients[:1])
        self.assertGreater(one, 0)
        self.assertLessEqual(reads_a_second(clients[1:]), 4 * one)  # of 6, and one of them may be in luck
