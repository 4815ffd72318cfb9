"""Sockets that somebody else opened: LISTEN_FDS, as the service manager hands them over."""

import socket

from lib.case import SLOW, Lb, free_port
from lib.forward import ForwardCase, read_line
from lib.process import Process
from lib.raw import wait_log


def activated(kind, sockets, names="", pid="$$"):
    """A kind of process that finds these sockets at descriptor 3 and on."""
    fds = [s.fileno() for s in sockets]
    high = [fd + 100 for fd in fds]  # bash: first out of the way of those that are to be made
    moves = " ".join([f"{h}<&{fd} {fd}<&-" for h, fd in zip(high, fds)]
                     + [f"{3 + i}<&{h} {h}<&-" for i, h in enumerate(high)])
    script = (f'exec {moves}; export LISTEN_PID={pid} LISTEN_FDS={len(fds)} LISTEN_FDNAMES={names}; exec "$@"')

    def make(command, **options):
        return kind(["bash", "-c", script, "bash", *command], fds=fds, **options)

    return make


class Activation(ForwardCase):
    def udp(self, port, count=1, family=socket.AF_INET):
        made = []
        for _ in range(count):
            s = socket.socket(family, socket.SOCK_DGRAM)
            self.addCleanup(s.close)
            if count > 1:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            s.bind(("127.0.0.1" if family == socket.AF_INET else "::1", port))
            made.append(s)
        return made

    def tcp(self, port=0):
        s = socket.create_server(("127.0.0.1", port), backlog=64)
        self.addCleanup(s.close)
        return s

    def watch(self, *servers, kind=Lb, arguments=()):
        return self.lb([f"127.0.0.1:{port}" for port in servers], "--flap-hold", "0", "--slow-start", "0",
                       "--status-interval", "200ms", *arguments, port=self.port, kind=kind)

    def test_a_server_answers_on_the_sockets_that_it_was_given(self):
        for count in (1, 2):  # with two it can separate strangers from sessions
            port = free_port()
            server = self.start("server", "--ip", "127.0.0.9", "--port", port,
                                kind=activated(Process, self.udp(port, count)))
            wait_log(server, f"listening on UDP 127.0.0.1:{port}", 10 * SLOW)
            self.port = free_port()
            lb = self.watch(port, arguments=("--no-forward",))
            lb.wait_status(lambda s: s["up"] == 1, 10)
            self.assert_stops(lb)
            self.assert_stops(server)
            self.assertNotIn("cannot separate", server.errors())

    def test_a_load_balancer_checks_and_forwards_by_what_it_was_given(self):
        backend, agent = self.backend("a"), free_port()
        self.server(agent, "--service", f"tcp:{backend.port}", ip="127.0.0.1")
        self.port = free_port()
        first, second = self.tcp(), self.tcp()
        lb = self.watch(agent, kind=activated(Lb, [*self.udp(self.port, 3), first, second], "u:u:u:t:t"),
                        arguments=("--threads", "3"))
        lb.wait_status(lambda s: s["up"] == 1, 10)
        for s in (first, second):  # two ports, more threads than sockets
            self.port = s.getsockname()[1]
            self.wait_served(1)
        self.assertNotIn("cannot separate", lb.errors())
        self.assertNotIn("IPv6", lb.errors())

    def test_clients_wait_while_the_load_balancer_is_started_again(self):
        backend, agent = self.backend("a"), free_port()
        self.server(agent, "--service", f"tcp:{backend.port}", ip="127.0.0.1")
        own, listener = free_port(), self.tcp()
        kind = activated(Lb, [listener])
        self.port = own
        lb = self.watch(agent, kind=kind)
        lb.wait_status(lambda s: s["up"] == 1, 10)
        self.port = listener.getsockname()[1]
        self.wait_served(1)
        self.assert_stops(lb)
        waiting = self.connect()  # there is no load balancer now
        self.port = own
        lb = self.watch(agent, kind=kind)
        self.assertEqual(read_line(waiting), "a")

    def refused(self, sockets, *arguments):
        process = self.start(*arguments, kind=activated(Process, sockets, "mine"))
        self.assertEqual(process.wait(10 * SLOW), 1)
        return process.errors()

    def test_what_does_not_fit_is_refused_with_words(self):
        port = free_port()
        server = ("server", "--port", port)
        self.assertIn(f"has port {port}, and --port is 4299", self.refused(self.udp(port), "server", "--port", 4299))
        a, b = socket.socketpair()
        self.addCleanup(a.close)
        self.addCleanup(b.close)
        self.assertIn("descriptor 3 (mine) is neither a UDP socket nor a listening TCP socket",
                      self.refused([a], *server))
        both = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.addCleanup(both.close)
        both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        both.bind(("::", free_port()))
        self.assertIn("set BindIPv6Only=ipv6-only", self.refused([both], "server", "--port", both.getsockname()[1]))
        self.assertIn("is one UDP socket too many", self.refused(self.udp(free_port(), 4), *server))
        self.assertIn("--no-forward does not go with that",
                      self.refused([self.tcp()], "lb", "--servers", "127.0.0.1:1", "--no-forward", "--port", free_port()))

    def test_sockets_for_another_process_are_left_alone(self):
        port = free_port()
        server = self.start("server", "--ip", "127.0.0.1", "--port", port,
                            kind=activated(Process, self.udp(free_port()), pid="1"))
        wait_log(server, f"listening on UDP 127.0.0.1:{port}", 10 * SLOW)
