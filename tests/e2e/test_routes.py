"""Which server a client's connection goes to, and what that server is told."""

import signal
import socket
import struct
import time

from lib.case import SLOW, Lb, free_port
from lib.forward import Backend, ForwardCase, read_all, read_line
from lib.process import PATIENCE
from lib.raw import wait_log


class Routes(ForwardCase):
    def test_without_a_service_clients_are_closed_at_once_and_the_log_says_why(self):
        for service, words in (((), "no server offers a service"),
                               (("--service", "tcp:192.0.2.1:80"), "refusing a service: tcp:192.0.2.1:80 is not at the address")):
            with self.subTest(service=service):
                agent, self.port = free_port(), free_port(socket.SOCK_STREAM)
                self.server(agent, *service, ip="127.0.0.1")
                lb = self.lb([f"127.0.0.1:{agent}"], port=self.port)
                lb.wait_event("up", within=10)
                self.assertEqual(self.ask(), "")
                wait_log(lb, words, 5 * SLOW)
                self.assert_stops(lb)

    def listed(self, *settings):
        """Backends a, b ... with an agent each, and these settings behind their addresses."""
        self.backends = [self.backend(name) for name in "abcd"[:len(settings)]]
        self.agents = [free_port() for _ in settings]
        for port, backend in zip(self.agents, self.backends):
            self.server(port, "--service", f"tcp:{backend.port}", ip="127.0.0.1")
        self.port = free_port(socket.SOCK_STREAM)
        self.config = self.dir / "lb.yaml"
        self.write_list(settings)
        lb = self.start("lb", "--config", self.config, "--status-format", "json", "--status-interval", "200ms",
                        "--flap-hold", "0", "--slow-start", "0", "--liveness-interval", "100ms", "--min-silence", "500ms",
                        "--balance", "round-robin", "--port", self.port, kind=Lb)
        lb.wait_status(lambda s: s["up"] == len(settings), 10)
        return lb

    def write_list(self, settings):
        self.config.write_text("servers:\n" + "".join(f"  - 127.0.0.1:{port} {words}\n"
                               for port, words in zip(self.agents, settings)), encoding="ascii")

    def wait_targets(self, lb, wanted):
        lb.wait_status(lambda s: [x["forward"]["target"] for x in s["servers"]] == wanted, 5, len(lb.lines))

    def test_weights_of_the_list_are_respected_and_can_be_changed(self):
        lb = self.listed("weight=3", "")
        self.wait_served(2)
        names = [self.ask() for _ in range(40)]
        self.assertLessEqual(abs(names.count("a") - 30), 2)  # each thread has turns of its own
        self.write_list(["weight=3", "weight=3"])
        lb.send(signal.SIGHUP)
        lb.wait_status(lambda s: [x["weight"] for x in s["servers"]] == [3, 3], 5, len(lb.lines))
        end = time.monotonic() + PATIENCE  # the forwarder follows the list a moment later
        while abs((names := [self.ask() for _ in range(40)]).count("a") - names.count("b")) >= 3:
            self.assertLess(time.monotonic(), end, names)

    def test_a_lower_tier_is_used_once_the_upper_one_is_down(self):
        lb = self.listed("priority=1", "")
        self.wait_targets(lb, [f"127.0.0.1:{b.port}" for b in self.backends])
        self.wait_served_by("b")
        self.backends[1].close()
        self.ask()  # what shows that it is shut
        lb.wait_event("down", within=5, address=f"127.0.0.1:{self.agents[1]}")
        self.wait_served_by("a")

    def test_the_list_s_own_service_wins_and_needs_nobody_s_leave(self):
        other, elsewhere = self.backend("other"), self.backend("elsewhere")
        lb = self.listed(f"service=tcp:{other.port}", f"service=tcp:127.0.0.1:{elsewhere.port}")
        self.wait_targets(lb, [f"127.0.0.1:{b.port}" for b in (other, elsewhere)])
        self.assertEqual({self.ask() for _ in range(20)}, {"other", "elsewhere"})

    def test_a_service_elsewhere_is_used_where_its_network_is_allowed_and_only_there(self):
        for network, served in (("127.0.0.0/30", True), ("127.0.0.0/31", False)):
            with self.subTest(network=network):
                agent, self.port = free_port(), free_port(socket.SOCK_STREAM)
                backend = Backend("a", host="127.0.0.2")
                self.addCleanup(backend.close)
                self.server(agent, "--service", f"tcp:127.0.0.2:{backend.port}", ip="127.0.0.1")
                lb = self.lb([f"127.0.0.1:{agent}"], "--allow-service", network, port=self.port)
                lb.wait_event("up", within=10)
                if served:
                    self.wait_served(1)
                else:
                    wait_log(lb, f"refusing a service: tcp:127.0.0.2:{backend.port} is not at the address", 5 * SLOW)
                    self.assertEqual(self.ask(), "")
                self.assert_stops(lb)

    def test_a_service_that_is_the_load_balancer_itself_is_refused(self):
        agent, self.port = free_port(), free_port(socket.SOCK_STREAM)
        self.server(agent, "--service", f"tcp:{self.port}", ip="127.0.0.1")
        lb = self.lb([f"127.0.0.1:{agent}"], port=self.port)
        lb.wait_event("up", within=10)
        wait_log(lb, "which would be a loop", 5 * SLOW)
        self.assertEqual(self.ask(), "")

    def test_servers_that_want_it_are_told_who_the_client_is(self):
        self.fleet("a", arguments=("--send-proxy-v2",))
        for family, bytes_ in ((socket.AF_INET, 28), (socket.AF_INET6, 52)):
            with self.subTest(family=family):
                s = self.connect(family)
                s.sendall(b"hello")
                s.shutdown(socket.SHUT_WR)
                said = read_all(s)
                head = said[2:2 + bytes_]
                self.assertEqual(head[:12], b"\r\n\r\n\0\r\nQUIT\n")
                self.assertEqual(head[-4:], struct.pack("!HH", s.getsockname()[1], self.port))
                self.assertEqual(said[2 + bytes_:], b"hello\n%d" % (bytes_ + 5))

    def test_maglev_sends_a_source_to_the_same_server(self):
        self.fleet("a", "b", "c", arguments=("--balance", "maglev"))

        def ask_all():
            names = []
            for source in range(2, 40):
                with socket.create_connection(("127.0.0.1", self.port), 5 * SLOW,
                                              source_address=(f"127.0.0.{source}", 0)) as s:
                    names.append(read_line(s))
            return names

        deadline = time.monotonic() + 5 * SLOW
        while set(ask_all()) != {"a", "b", "c"}:  # all of them are in the forwarder's table
            self.assertLess(time.monotonic(), deadline)
        first = ask_all()
        for _ in range(3):
            self.assertEqual(ask_all(), first)
