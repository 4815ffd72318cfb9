"""What becomes of a client's connection where a server, a port or an address is missing; and what is said of it."""

import signal
import socket
import socketserver
import struct
import subprocess
import threading
import time
from pathlib import Path

from lib.case import SLOW, Lb, free_port
from lib.forward import ForwardCase, read_all, read_line
from lib.raw import wait_log

PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


class Connections(ForwardCase):
    def stopped_fleet(self, *arguments):
        """A load balancer that has just started, and an agent that says nothing: (load balancer, agent)."""
        self.backends = [self.backend("a")]
        port, self.port = free_port(), free_port(socket.SOCK_STREAM)
        agent = self.server(port, "--service", f"tcp:{self.backends[0].port}", ip="127.0.0.1")
        wait_log(agent, "listening|127.0.0.1", 5 * SLOW)
        agent.send(signal.SIGSTOP)
        self.addCleanup(agent.send, signal.SIGCONT)
        lb = self.lb([f"127.0.0.1:{port}"], *arguments, port=self.port)
        wait_log(lb, "watching", 5 * SLOW)
        return lb, agent

    def test_a_client_of_a_fresh_start_waits_for_the_first_verdict(self):
        _, agent = self.stopped_fleet("--hold", "20s")
        early = [self.connect() for _ in range(5)]
        early[0].settimeout(0.2)
        with self.assertRaises(TimeoutError):
            early[0].recv(1)
        early[0].settimeout(10 * SLOW)
        agent.send(signal.SIGCONT)
        self.assertEqual([read_line(s) for s in early], ["a"] * 5)

    def test_no_client_waits_longer_than_it_is_said(self):
        for hold, at_least in (("300ms", 0.25), ("0", 0.0)):
            with self.subTest(hold=hold):
                lb, agent = self.stopped_fleet("--hold", hold)

                def closed(at_least=at_least):
                    begun = time.monotonic()
                    self.assertEqual(self.ask(), "")
                    self.assertGreaterEqual(time.monotonic() - begun, at_least)
                    return time.monotonic() - begun

                self.assert_soon(closed, at_least + 0.5 * SLOW)
                wait_log(lb, "1 client was closed: the server is still connecting", 5 * SLOW)
                agent.send(signal.SIGCONT)

    def test_the_log_says_why_there_was_no_server(self):
        lb, at = self.fleet("a", arguments=("--panic-threshold", "0"))
        self.servers[0].kill()
        lb.wait_event("down", within=5, since=at)
        deadline = time.monotonic() + 5 * SLOW
        while self.ask() != "":  # until there is another table
            self.assertLess(time.monotonic(), deadline)
        wait_log(lb, "client was closed: the server is not up", 5 * SLOW)

    def test_the_log_says_that_a_panic_leaves_no_server(self):
        lb, at = self.fleet("a", "b", "c", arguments=("--panic-mode", "none"))
        for server in self.servers[:2]:
            server.kill()
        lb.wait_json(lambda j: j["type"] == "panic", 5, since=at)
        deadline = time.monotonic() + 5 * SLOW
        while self.ask() != "":  # until there is another table
            self.assertLess(time.monotonic(), deadline)
        wait_log(lb, "closed: 1 of 3 servers are up, and none may be used", 5 * SLOW)

    def test_clients_that_wait_for_a_server_that_goes_down_are_given_to_another(self):
        self.backends = [self.backend("b")]
        full = socket.socket()
        self.addCleanup(full.close)
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):  # nobody accepts: its queue is full, and the kernel drops what comes
            filler = socket.socket()
            self.addCleanup(filler.close)
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        agents, self.port = [free_port(), free_port()], free_port(socket.SOCK_STREAM)
        servers = [self.server(agent, "--service", f"tcp:{port}", ip="127.0.0.1")
                   for agent, port in zip(agents, (full.getsockname()[1], self.backends[0].port))]
        lb = self.lb([f"127.0.0.1:{agent}" for agent in agents], "--on-down", "reset", "--connect-timeout", "60s",
                     "--balance", "round-robin", "--slow-start", "0", port=self.port)
        lb.wait_status(lambda s: s["up"] == 2 and all(x["forward"]["target"] != "-" for x in s["servers"]), 10)
        clients = [self.connect() for _ in range(8)]
        lb.wait_status(lambda s: s["servers"][0]["forward"]["in_flight"] > 0, 5)
        servers[0].kill()
        self.assertEqual([read_line(s) for s in clients], ["b"] * 8)

    def test_a_server_that_no_source_port_is_left_for_costs_no_client_anything(self):
        self.needs_namespaces()
        lb, _ = self.fleet("a", "b")
        before = PORTS.read_text()
        self.addCleanup(PORTS.write_text, before)
        PORTS.write_text("42000 42063")
        used = []
        self.addCleanup(lambda: [s.close() for s in used])
        with self.assertRaises(OSError):
            while True:
                used.append(socket.create_connection(("127.0.0.1", self.backends[1].port), 5))
        self.assertGreater(len(used), 30)
        self.assertEqual({self.ask() for _ in range(30)}, {"a"})
        wait_log(lb, f"127.0.0.1:{self.agents[1]}: no source port is left for it", 5 * SLOW)
        lb.wait_status(lambda s: s["servers"][1]["forward"]["failures"]["no_source_port"] > 0, 5, len(lb.lines))
        self.assertEqual([e["to"] for e in lb.events()], ["up", "up"])

    def test_each_connection_has_a_line_of_the_log_where_that_is_wanted(self):
        class Answers(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.recv(3)
                self.request.sendall(b"half")  # its end follows, and a reset, since the rest stays unread

        class Resets(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.recv(100)
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.request.close()

        lb, _ = self.fleet("a", arguments=("--log-connections",))
        to = f"127.0.0.1:{self.backends[0].port}"
        s = self.connect()
        name = ":".join(map(str, s.getsockname()))
        s.sendall(b"hello")
        s.shutdown(socket.SHUT_WR)
        self.assertEqual(len(read_all(s)), 9)
        times = r"connected after \d+\.\d{3} ms, ended after \d+\.\d{3} ms"
        wait_log(lb, rf"(?m)info {name} -> {to}: 5 bytes in, 9 bytes out, {times}: closed by the client$", 5 * SLOW)
        for handler, out, how in ((Answers, 4, "(closed|reset)"), (Resets, 0, "reset")):
            self.backends[0].RequestHandlerClass = handler
            s = self.connect()
            name = ":".join(map(str, s.getsockname()))
            s.sendall(b"hello")
            wait_log(lb, rf"(?m){name} -> {to}: 5 bytes in, {out} bytes out, {times}: {how} by the server$", 5 * SLOW)

    def test_it_listens_where_it_is_told_and_nowhere_else(self):
        self.backends = [self.backend("a")]
        agent, self.port = free_port(), free_port(socket.SOCK_STREAM)
        self.server(agent, "--service", f"tcp:{self.backends[0].port}", ip="127.0.0.1")
        path = self.dir / "qhcp.yaml"
        path.write_text(f"servers: [\"127.0.0.1:{agent}\"]\nport: {self.port}\nbind: [127.0.0.2, \"::1\"]\n"
                        "client-keep-alive: 600\nserver-keep-alive: 300s\nstatus-format: json\n", encoding="utf-8")
        lb = self.start("lb", "--config", path, kind=Lb)
        lb.wait_event("up", within=10)
        for family, host in ((socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1")):
            with socket.socket(family) as s:
                s.settimeout(5 * SLOW)
                s.connect((host, self.port))
                self.assertEqual(read_line(s), "a")
                timers = subprocess.run(["ss", "-tnoH"], capture_output=True, text=True, check=True).stdout
                self.assertRegex(timers, rf"{host}\]?:{self.port} .*timer:\(keepalive,(9min|10min)")
                self.assertRegex(timers, rf"127.0.0.1:{self.backends[0].port} .*timer:\(keepalive,(4min|5min)")
        with self.assertRaises(ConnectionRefusedError):
            self.connect()

    def test_addresses_that_are_none_are_refused(self):
        for arguments, status, words in ((("--bind", "here"), 2, '--bind: "here" is not an IP address'),
                                         (("--bind", "127.0.0.1,127.0.0.2"), 2, "at most one IPv4 and one IPv6 address"),
                                         (("--bind", "192.0.2.1"), 1, "this machine does not have that address")):
            with self.subTest(arguments=arguments):
                got, _, said = self.qhcp("lb", "--servers", "127.0.0.1:1", "--port", str(free_port()), *arguments)
                self.assertEqual(got, status, said)
                self.assertIn(words, said)

    def test_a_reader_that_never_reads_pins_little_more_than_without_us(self):
        counts = []

        class Firehose(socketserver.BaseRequestHandler):
            """Sends until nobody has taken anything for a while; says how much was on its way then."""

            def handle(self):
                total, piece = 0, bytes(65536)
                self.request.settimeout(0.5 * SLOW)
                try:
                    while True:
                        total += self.request.send(piece)
                except TimeoutError:
                    counts.append(total)

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Firehose) as backend:
            backend.daemon_threads = True
            threading.Thread(target=backend.serve_forever, args=(0.01,), daemon=True).start()
            agent, self.port = free_port(), free_port(socket.SOCK_STREAM)
            self.server(agent, "--service", f"tcp:{backend.server_address[1]}", ip="127.0.0.1")
            lb = self.lb([f"127.0.0.1:{agent}"], port=self.port)
            lb.wait_event("up", within=10)
            # Three tries: how much the kernel lets a server send follows from the pace of the first reads.
            for port in (backend.server_address[1], self.port, self.port, self.port):
                with socket.create_connection(("127.0.0.1", port)):
                    deadline, before = time.monotonic() + 20 * SLOW, len(counts)
                    while len(counts) == before:
                        self.assertLess(time.monotonic(), deadline)
                        time.sleep(0.01)
            backend.shutdown()
        direct, *through = counts
        print(f"bytes on their way to a client that reads nothing: {direct} directly, {through} through qhcp lb")
        if SLOW == 1:
            self.assertLess(min(through), direct + 4_000_000)
