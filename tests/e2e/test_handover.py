"""A new load balancer takes the place of a running one."""

import os
import signal
import socket
import threading

from lib.case import SLOW, free_port
from lib.forward import ForwardCase, read_all, read_line
from lib.raw import wait_log


class Handover(ForwardCase):
    def take_over(self, *arguments):
        return self.lb([f"127.0.0.1:{port}" for port in self.agents], "--liveness-interval", "100ms",
                       "--status-interval", "200ms", "--take-over", *arguments, port=self.port)

    def test_another_process_takes_over_with_no_connection_refused_and_none_lost(self):
        old, _ = self.fleet("a", "b", arguments=("--threads", "2"))
        held = self.connect()
        name = read_line(held)
        stop, answers = threading.Event(), []

        def ask():
            while not stop.is_set():
                answers.append(self.ask())

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for n in ("3", "1", "2"):  # more threads than before, and fewer
            new = self.take_over("--threads", n)
            wait_log(old, "another load balancer took over the port", 5 * SLOW)
            new.wait_status(lambda s: s["up"] == 2, 10)
            self.assertNotIn("firewalls may not let pass", new.errors())
            if held:
                self.assertIsNone(old.popen.poll(), "it went though a connection was open")
                held.sendall(b"still here")
                held.shutdown(socket.SHUT_WR)
                self.assertEqual(read_all(held), b"still here\n10")
                held = None
            self.assertEqual(old.wait(10 * SLOW), 0)
            old = new
        stop.set()
        for thread in threads:
            thread.join()
        self.assertIn(name, "ab")
        self.assertGreater(len(answers), 100)
        self.assertEqual(set(answers), {"a", "b"})

    def test_what_was_known_of_servers_is_used_until_there_is_a_verdict(self):
        """The new one cannot hear the agents, so that it has no verdict of its own."""
        old, _ = self.fleet("a", "b", arguments=("--liveness-interval", "30s"))
        self.assert_stops(self.servers[0])  # says so; the other's silence is not noticed for half a minute
        old.wait_event("down", within=5, address=f"127.0.0.1:{self.agents[0]}")
        self.servers[1].send(signal.SIGSTOP)
        new = self.take_over()
        wait_log(old, "another load balancer took over the port", 5 * SLOW)
        self.assertEqual({self.ask() for _ in range(20)}, {"b"})
        self.assertEqual(new.events(), [])
        self.servers[1].send(signal.SIGCONT)
        new.wait_status(lambda s: s["up"] == 1, 15)

    def test_servers_that_are_listened_to_are_so_by_the_new_process_too(self):
        """Meanwhile they send to both."""
        old, at = self.fleet("a", "b", arguments=("--liveness", "listen"))
        old.wait_status(lambda s: [v["liveness"] for v in s["servers"]] == ["listen"] * 2, 5, since=at)
        new = self.take_over("--liveness", "listen")
        wait_log(old, "another load balancer took over the port", 5 * SLOW)
        at, _ = new.wait_status(lambda s: s["up"] == 2 and
                                [v["liveness"] for v in s["servers"]] == ["listen"] * 2, 10)
        self.assertEqual(old.wait(10 * SLOW), 0)
        self.assertEqual({self.ask() for _ in range(20)}, {"a", "b"})
        self.servers[0].kill()
        new.wait_event("down", within=5, address=f"127.0.0.1:{self.agents[0]}", since=at)
        self.assertEqual([e["to"] for e in old.events() + new.events() if e["to"] == "down"], ["down"])

    def test_take_over_without_forwarding_is_refused(self):
        for more, status in ((["--no-forward"], 2), ([], None)):
            lb = self.start("lb", "--servers", "127.0.0.1:1", "--take-over", "--port", free_port(), *more)
            if status:
                self.assertEqual(lb.wait(5 * SLOW), status)
                self.assertIn("--take-over and --no-forward exclude each other", lb.errors())
            else:
                wait_log(lb, "watching 1 server", 5 * SLOW)

    def test_with_nobody_there_take_over_starts_as_always_and_a_failed_one_leaves_the_old_one_alone(self):
        self.backends = [self.backend("a")]
        self.agents = [free_port()]
        self.server(self.agents[0], "--service", f"tcp:{self.backends[0].port}", ip="127.0.0.1")
        self.port = free_port(socket.SOCK_STREAM)
        old = self.take_over()
        old.wait_status(lambda s: s["up"] == 1, 10)
        self.assertIn("nothing to take over", old.errors())
        path, = self.state.glob(f"lb-{self.port}-*.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.connect(str(path))
            _, fds, _, _ = socket.recv_fds(s, 100, 200)
            for fd in fds:
                os.close(fd)
        wait_log(old, "asked for the port and did not take it", 5 * SLOW)
        self.wait_served(1)
        new = self.take_over()
        new.wait_status(lambda s: s["up"] == 1, 10)
        self.assertEqual(old.wait(10 * SLOW), 0)
        self.assertTrue(path.is_socket())
        self.assert_stops(new)
        self.assertFalse(path.exists())

    def test_a_name_that_another_user_can_take_means_nothing_and_what_a_killed_one_left_is_in_nobody_s_way(self):
        self.backends = [self.backend("a")]
        self.agents = [free_port()]
        self.server(self.agents[0], "--service", f"tcp:{self.backends[0].port}", ip="127.0.0.1")
        self.port = free_port(socket.SOCK_STREAM)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as squatter:
            squatter.bind(f"\0qhcp-lb-{self.port}")
            squatter.listen()
            killed = self.take_over()
            killed.wait_status(lambda s: s["up"] == 1, 10)
            killed.kill()
            self.assertEqual(len(list(self.state.glob("lb-*.sock"))), 1)
            old = self.take_over()
            old.wait_status(lambda s: s["up"] == 1, 10)
            self.assertIn("nothing to take over", old.errors())
            new = self.take_over()
            self.assertEqual(old.wait(10 * SLOW), 0)
            new.wait_status(lambda s: s["up"] == 1, 10)
            self.wait_served(1)
