"""The forwarder: clients of the load balancer's TCP port reach the servers that are up, and no other."""

import hashlib
import os
import resource
import signal
import socket
import socketserver
import struct
import threading
import time
from pathlib import Path

from lib.admin import ask
from lib.case import SLOW, Lb, free_port
from lib.forward import ForwardCase, read_all, read_line
from lib.raw import wait_log


class Forward(ForwardCase):
    def test_connections_reach_every_server_in_both_families_and_are_counted(self):
        lb, _ = self.fleet("a", "b")
        before = sum(c["connects"] for c in self.counts(lb).values())
        for family in (socket.AF_INET, socket.AF_INET6):
            self.assertEqual({self.ask(family) for _ in range(40)}, {"a", "b"})
        _, status = lb.wait_status(
            lambda s: sum(x["forward"]["connects"] for x in s["servers"]) == before + 80, 5)
        for server in status["servers"]:
            forward = server["forward"]
            self.assertEqual(sum(forward["connect_time"]), forward["connects"])
            self.assertEqual(sum(forward["failures"].values()), 0)

    def test_the_admin_interface_shows_what_was_counted(self):
        path = self.dir / "admin.sock"
        self.fleet("a", arguments=("--admin", f"unix:{path}"))
        before = ask(path, "GET", f"/api/v1/servers/127.0.0.1:{self.agents[0]}").json["forward"]["connects"]
        held = self.connect()
        self.assertEqual(read_line(held), "a")
        deadline = time.monotonic() + 5 * SLOW
        while True:  # figures are of the last second
            forward = ask(path, "GET", f"/api/v1/servers/127.0.0.1:{self.agents[0]}").json["forward"]
            if forward["in_flight"] == 1 and forward["connects"] > before:
                break
            self.assertLess(time.monotonic(), deadline, forward)
        self.assertEqual((forward["failures"], forward["errors_permille"]), (0, 0))

    def test_the_end_of_one_direction_leaves_the_other_open(self):
        self.fleet("a")
        s = self.connect()
        s.sendall(b"hello")
        s.shutdown(socket.SHUT_WR)
        self.assertEqual(read_all(s), b"a\nhello\n5")

    def test_latency_is_that_of_an_answer_after_the_last_bytes_of_its_request(self):
        class Slow(socketserver.BaseRequestHandler):
            def handle(self):
                while self.request.recv(100):
                    time.sleep(0.05)
                    self.request.sendall(b"answer")

        lb, _ = self.fleet("a")
        self.backends[0].RequestHandlerClass = Slow
        s, seen = self.connect(), []
        for _ in range(3):
            time.sleep(0.1)  # which is the client's
            begun = time.monotonic()
            s.sendall(b"question")
            self.assertEqual(s.recv(100), b"answer")
            seen.append((time.monotonic() - begun) * 1e6)
        _, status = lb.wait_status(lambda s: s["servers"][0]["forward"]["latency_us"] > 0, 5)
        latency = status["servers"][0]["forward"]["latency_us"]
        self.assertGreater(latency, 40_000)
        self.assertLess(latency, max(seen) + 1000)  # (a busy machine makes them longer, for the client as for us)

    def test_what_follows_urgent_data_arrives_too(self):
        self.fleet("a")
        s = self.connect()
        self.assertEqual(read_line(s), "a")
        s.sendall(b"abc")
        s.send(b"x", socket.MSG_OOB)  # which itself does not go through
        s.sendall(b"def")
        s.shutdown(socket.SHUT_WR)
        self.assertEqual(read_all(s), b"abcdef\n6")

    def test_bulk_arrives_whole_however_slowly_it_is_read(self):
        lb, _ = self.fleet("a")
        for pause in (0, 0.002):
            with self.subTest(pause=pause):
                data = os.urandom(1 << 20) * (24 if pause == 0 else 6)
                s = self.connect()
                self.assertEqual(read_line(s), "a")
                sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
                sender.start()
                got, n = hashlib.sha256(), 0
                while n < len(data):
                    part = s.recv(min(1 << 16, len(data) - n))
                    got.update(part)
                    n += len(part)
                    time.sleep(pause)
                sender.join()
                self.assertEqual(got.digest(), hashlib.sha256(data).digest())
                self.assertEqual(read_all(s), b"\n%d" % len(data))
        lb.wait_status(lambda s: s["servers"][0]["forward"]["bytes_in"] >= 30 << 20
                       and s["servers"][0]["forward"]["in_flight"] == 0, 5)

    def test_a_server_whose_port_is_shut_costs_no_client_a_byte_and_is_down(self):
        lb, at = self.fleet("a", "b")
        self.backends[0].close()
        names = [self.ask() for _ in range(100)]
        self.assertEqual(set(names), {"b"})
        at, down = lb.wait_event("down", within=2, address=f"127.0.0.1:{self.agents[0]}", since=at)
        self.assertIn(f"127.0.0.1:{self.backends[0].port}: connection refused", down["reason"])
        refused = self.counts(lb)[f"127.0.0.1:{self.agents[0]}"]["failures"]["refused"]
        self.assertGreaterEqual(refused, 1)
        self.backend("a again", self.backends[0].port)
        lb.wait_event("up", within=5, address=f"127.0.0.1:{self.agents[0]}", since=at)

    def test_a_server_that_stops_gets_nothing_new_and_leaves_when_its_last_connection_has_ended(self):
        lb, at = self.fleet("a", "b")
        held = self.connect()
        index = "ab".index(read_line(held))
        leaving = self.servers[index]
        leaving.send(signal.SIGTERM)
        lb.wait_event("draining", within=2, address=f"127.0.0.1:{self.agents[index]}", since=at)
        other = "ba"[index]
        self.wait_served_by(other)
        self.assertEqual({self.ask() for _ in range(40)}, {other})
        self.assertIsNone(leaving.popen.poll(), "it went though a connection was open")
        held.sendall(b"still here")
        held.shutdown(socket.SHUT_WR)
        self.assertEqual(read_all(held), b"still here\n10")
        begun = time.monotonic()
        self.assertEqual(leaving.wait(5 * SLOW), 0)
        self.assertLess(time.monotonic() - begun, 10)  # of 30 s

    def test_connections_to_one_that_leaves_end_at_its_deadline(self):
        self.backends = [self.backend("a")]
        port, self.port = free_port(), free_port(socket.SOCK_STREAM)
        agent = self.server(port, "--service", f"tcp:{self.backends[0].port}", "--drain-timeout", "1s",
                            ip="127.0.0.1")
        lb = self.lb([f"127.0.0.1:{port}"], port=self.port)
        lb.wait_event("up", within=10)
        self.wait_served(1)
        held = self.connect()
        self.assertEqual(read_line(held), "a")
        begun = time.monotonic()
        agent.send(signal.SIGTERM)
        with self.assertRaises(ConnectionResetError):  # half an answer must not look whole
            read_all(held)
        self.assertEqual(agent.wait(5 * SLOW), 0)
        self.assertGreater(time.monotonic() - begun, 0.8)
        self.assertIn("the time of its drain is over: 1 connection is reset", lb.errors())

    def test_a_drain_waits_until_the_last_connection_has_ended_and_says_so(self):
        lb, at = self.fleet("a", "b")
        held = self.connect()
        while read_line(held) != "a":
            held = self.connect()
        drain = ("control", "drain", "--port", str(self.agents[0]), "--wait")
        self.qhcp(*drain[:-1])
        lb.wait_event("draining", within=5, address=f"127.0.0.1:{self.agents[0]}", since=at)
        status, said, errors = self.qhcp(*drain, f"{300 * SLOW}ms")
        self.assertEqual((status, errors), (3, "qhcp control: the server is not drained\n"))
        self.assertRegex(said, r"^not drained in time: 1 of 1 load balancer has acknowledged, 1 connection in flight\n"
                               r"load balancer .*: has acknowledged, 1 connection in flight\n$")
        self.assertEqual({self.ask() for _ in range(20)}, {"b"})
        waiting = self.start(*drain, "60s")
        held.sendall(b"still here")
        held.shutdown(socket.SHUT_WR)
        self.assertEqual(read_all(held), b"still here\n10")
        self.assertEqual(waiting.wait(5 * SLOW), 0, waiting.story())
        status, said, errors = self.qhcp(*drain, "60s")  # it is idle: at once
        self.assertEqual((status, said, errors),
                         (0, "drained: 1 of 1 load balancer has acknowledged, 0 connections in flight\n", ""))

    def test_a_load_balancer_that_stops_lets_connections_finish_and_takes_no_new_ones(self):
        lb, _ = self.fleet("a")
        held = self.connect()
        self.assertEqual(read_line(held), "a")
        lb.send(signal.SIGTERM)
        wait_log(lb, "closing the sessions with", 5)
        wait_log(lb, r"waiting for \d+ connections? to end, at most for --max-drain", 5)  # those before may still be closing
        deadline = time.monotonic() + 5 * SLOW
        with self.assertRaises(ConnectionRefusedError):
            while time.monotonic() < deadline:
                self.connect().close()
        held.sendall(b"x" * 100000)
        held.shutdown(socket.SHUT_WR)
        self.assertEqual(len(read_all(held)), 100000 + len("\n100000"))
        self.assertEqual(lb.wait(5 * SLOW), 0)

    def test_a_port_in_use_is_refused_and_no_forward_leaves_it_alone(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            status, _, said = self.qhcp("lb", "--servers", "127.0.0.1:1", "--port", str(port))
            self.assertEqual(status, 1, said)
            self.assertIn(f"TCP port {port} is in use", said)
            lb = self.lb(["127.0.0.1:1"], "--no-forward", port=port)
            wait_log(lb, "watching 1 server", 5 * SLOW)

    def test_nothing_is_left_behind_by_clients_of_any_kind(self):
        lb, _ = self.fleet("a", "b")
        fds = Path(f"/proc/{lb.pid}/fd")
        time.sleep(0.3)
        before = len(list(fds.iterdir()))
        for i in range(300):
            s = self.connect()
            if i % 4 == 1:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset
            elif i % 4 == 2:
                s.sendall(b"x" * 200000)
            elif i % 4 == 3:
                s.shutdown(socket.SHUT_WR)
                read_all(s)
            s.close()
        lb.wait_status(lambda s: all(x["forward"]["in_flight"] == 0 for x in s["servers"]), 10,
                       len(lb.lines))
        deadline = time.monotonic() + 10 * SLOW
        while len(list(fds.iterdir())) > before + 16 and time.monotonic() < deadline:  # pipes are kept
            time.sleep(0.05)
        self.assertLessEqual(len(list(fds.iterdir())), before + 16)

    def test_want_of_descriptors_is_no_server_s_fault_and_passes(self):
        lb, _ = self.fleet("a", arguments=("--threads", "1"))
        used = len(list(Path(f"/proc/{lb.pid}/fd").iterdir()))
        resource.prlimit(lb.pid, resource.RLIMIT_NOFILE, (used + 9, used + 9))  # four clients and a half
        clients = [self.connect() for _ in range(12)]
        self.assertEqual(read_line(clients[0]), "a")
        time.sleep(0.5)
        for s in clients:
            s.close()
        lb.wait_status(lambda s: s["servers"][0]["forward"]["in_flight"] == 0, 5, len(lb.lines))
        self.assertEqual(self.ask(), "a")
        forward = self.counts(lb)[f"127.0.0.1:{self.agents[0]}"]
        self.assertEqual((sum(forward["failures"].values()), forward["errors_permille"]), (0, 0))
        self.assertEqual([e["to"] for e in lb.events()], ["up"])

    def test_a_server_that_is_no_longer_watched_gets_nothing_new(self):
        backends = [self.backend(name) for name in "ab"]
        agents, self.port = [free_port(), free_port()], free_port(socket.SOCK_STREAM)
        for agent, backend in zip(agents, backends):
            self.server(agent, "--service", f"tcp:{backend.port}", ip="127.0.0.1")
        path = self.dir / "qhcp.yaml"

        def watch(*ports):
            path.write_text("servers:\n" + "".join(f"  - 127.0.0.1:{p}\n" for p in ports) +
                            f"port: {self.port}\nstatus-format: json\ncheck-interval: 1\nmax-drain: 1s\n",
                            encoding="utf-8")

        watch(*agents)
        lb = self.start("lb", "--config", path, kind=Lb)
        lb.wait_status(lambda s: s["up"] == 2, within=10)
        self.wait_served(2)
        held = self.connect()
        while read_line(held) != "a":
            held = self.connect()
        watch(agents[1])
        lb.send(signal.SIGHUP)
        wait_log(lb, "configuration read again", 5 * SLOW)
        self.wait_served_by("b")
        self.assertEqual({self.ask() for _ in range(60)}, {"b"})
        with self.assertRaises(ConnectionResetError):  # once --max-drain is over
            held.recv(1)
        self.assertIn(f"127.0.0.1:{agents[0]} was removed, and --max-drain is over: 1 connection is reset", lb.errors())

    def test_more_clients_than_allowed_wait_and_are_served_later(self):
        self.fleet("a", arguments=("--max-connections", "4", "--max-per-source", "5", "--threads", "1"))
        held = [self.connect() for _ in range(4)]
        for s in held:
            self.assertEqual(read_line(s), "a")
        waiting = self.connect()
        waiting.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            waiting.recv(1)
        waiting.settimeout(10 * SLOW)
        held[0].close()
        self.assertEqual(read_line(waiting), "a")

    def test_one_source_cannot_take_all_places(self):
        lb, _ = self.fleet("a", arguments=("--threads", "1", "--max-connections", "20", "--max-per-source", "15"))

        def connect(source):
            s = socket.create_connection(("127.0.0.1", self.port), 5 * SLOW, source_address=(source, 0))
            self.addCleanup(s.close)
            return s

        greedy = [connect("127.0.0.9") for _ in range(15)]
        self.assertEqual([read_line(s) for s in greedy], ["a"] * 15)
        self.assertEqual([connect("127.0.0.9").recv(1) for _ in range(30)], [b""] * 30)
        self.assertEqual(read_line(connect("127.0.0.8")), "a")
        wait_log(lb, r"their address has as many connections as --max-per-source allows", 5 * SLOW)
        greedy.pop().close()
        deadline = time.monotonic() + 10 * SLOW
        while read_line(connect("127.0.0.9")) != "a":  # once its end has been seen
            self.assertLess(time.monotonic(), deadline)

    def test_a_flood_from_one_source_leaves_others_served_and_nothing_behind(self):
        """600 connects a second, reset at once: what Python can accept.  (bench/proxy makes 10,000 of one source.)"""
        lb, _ = self.fleet("a", "b", arguments=("--max-per-source", "16"))
        before = len(os.listdir(f"/proc/{lb.pid}/fd"))
        stop, made = threading.Event(), []

        def flood():
            n, begun = 0, time.monotonic()
            while not stop.is_set() or n <= 150:
                with socket.socket() as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    s.bind(("127.0.0.9", 0))
                    s.connect(("127.0.0.1", self.port))
                n += 1
                time.sleep(max(0, begun + n / 300 - time.monotonic()))
            made.append(n)

        def median(n):
            taken = []
            for _ in range(n):
                begun = time.monotonic()
                self.assertIn(self.ask(), ("a", "b"))
                taken.append(time.monotonic() - begun)
                time.sleep(0.01)
            return sorted(taken)[n // 2]

        threads, before_it = [threading.Thread(target=flood) for _ in range(2)], median(20)
        for thread in threads:
            thread.start()
        taken = median(100)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertGreater(sum(made), 300)
        self.assertLess(taken, 0.2 * SLOW + 4 * before_it)
        lb.wait_status(lambda s: all(x["forward"]["in_flight"] == 0 for x in s["servers"]), 10, len(lb.lines))
        self.assertLess(len(os.listdir(f"/proc/{lb.pid}/fd")), before + 10)

    def test_a_reset_is_handed_on_as_one(self):
        """Half of an answer and a reset must not look like the end of the answer."""
        class Resets(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.sendall(b"half")
                self.request.recv(1)
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.request.close()

        self.fleet("a")
        self.backends[0].RequestHandlerClass = Resets
        s = self.connect()
        self.assertEqual(s.recv(100), b"half")
        s.sendall(b"x")
        with self.assertRaises(ConnectionResetError):
            s.recv(1)

    def test_a_connection_on_which_nothing_moves_is_ended_and_one_that_trickles_is_not(self):
        self.fleet("a", arguments=("--idle-timeout", "1s"))
        idle, busy = self.connect(), self.connect()
        for s in (idle, busy):
            self.assertEqual(read_line(s), "a")
        for _ in range(16):
            time.sleep(0.1)
            busy.sendall(b"x")
        with self.assertRaises(ConnectionResetError):
            read_all(idle)
        busy.shutdown(socket.SHUT_WR)
        self.assertEqual(read_all(busy), b"x" * 16 + b"\n16")

    def test_one_that_is_half_closed_has_a_time_of_its_own_and_is_counted(self):
        lb, _ = self.fleet("a", arguments=("--half-close-timeout", "1s"))

        class Ends(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.sendall(b"bye")
                self.request.shutdown(socket.SHUT_WR)
                self.request.recv(1)

        half, whole = self.connect(), self.connect()
        self.assertEqual(read_line(whole), "a")
        self.backends[0].RequestHandlerClass = Ends
        half.close()
        half = self.connect()
        begun = time.monotonic()
        self.assertEqual(read_all(half), b"bye")
        lb.wait_status(lambda s: s["servers"][0]["forward"]["ends"]["half_closed"] == 1, 5, len(lb.lines))
        self.assertGreater(time.monotonic() - begun, 0.9)
        with self.assertRaises(OSError):
            half.sendall(b"x")
            half.recv(1)
        whole.shutdown(socket.SHUT_WR)
        self.assertEqual(read_all(whole), b"\n0")

    def test_limits_are_those_of_all_threads_together(self):
        for most, source, clients in ((4, 4, 4), (1000, 6, 6)):
            with self.subTest(most=most, source=source):
                lb, _ = self.fleet("a", arguments=("--threads", "4", "--max-connections", str(most),
                                                   "--max-per-source", str(source)))
                lb.wait_status(lambda s: s["servers"][0]["forward"]["in_flight"] == 0, 5, len(lb.lines))
                held = [self.connect() for _ in range(clients)]
                self.assertEqual([read_line(s) for s in held], ["a"] * clients)
                more = [self.connect() for _ in range(4)]
                if most == clients:  # they wait, at whichever thread, until one ends
                    more[0].settimeout(0.2)
                    with self.assertRaises(TimeoutError):
                        more[0].recv(1)
                    for s in held:
                        s.close()
                    more[0].settimeout(5 * SLOW)
                    self.assertEqual([read_line(s) for s in more], ["a"] * 4)
                else:
                    self.assertEqual([s.recv(1) for s in more], [b""] * 4)
                for s in (*held, *more):
                    s.close()
                for process in (lb, *self.servers):
                    self.assert_stops(process)

    def test_equal_servers_take_turns_when_connections_come_one_after_another(self):
        self.fleet("a", "b", arguments=("--threads", "1"))
        names = [self.ask() for _ in range(100)]
        self.assertIn(names.count("a"), range(35, 66), names)

    def test_a_server_that_answers_and_then_resets_keeps_its_part_and_one_that_never_answers_does_not(self):
        class Answers(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.recv(1)
                self.request.sendall(b"b\n")  # the rest stays unread: the kernel resets

        class Closes(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.recv(100)

        lb, _ = self.fleet("a", "b", arguments=("--balance", "round-robin"))
        address = f"127.0.0.1:{self.agents[1]}"

        def ask(n):
            names = []
            for _ in range(n):
                with self.connect() as s:
                    s.sendall(b"hello")
                    try:
                        names.append(read_line(s))
                    except ConnectionResetError:
                        names.append("")
                time.sleep(0.002)
            return names

        self.backends[1].RequestHandlerClass = Answers
        ask(100)
        time.sleep(1.1)  # a table
        names = ask(60)
        self.assertIn(names.count("b"), range(20, 41), names)
        forward = self.counts(lb)[address]
        self.assertEqual((forward["errors_permille"], sum(forward["failures"].values())), (0, 0))
        self.backends[1].RequestHandlerClass = Closes
        ask(150)
        lb.wait_status(lambda s: s["servers"][1]["forward"]["errors_permille"] > 300, 5, len(lb.lines))
        self.assertLess(ask(100).count(""), 35)
        self.assertGreater(self.counts(lb)[address]["failures"]["no_answer"], 10)

    def test_connections_of_a_server_that_goes_down_are_kept_or_reset_as_it_is_said(self):
        for way in ("keep", "reset"):
            with self.subTest(way=way):
                lb, at = self.fleet("a", arguments=("--on-down", way))
                held = self.connect()
                self.assertEqual(read_line(held), "a")
                self.servers[0].kill()
                lb.wait_event("down", within=5, since=at)
                if way == "keep":
                    held.shutdown(socket.SHUT_WR)
                    self.assertEqual(read_all(held), b"\n0")
                else:
                    with self.assertRaises(ConnectionResetError):
                        held.recv(1)
                    wait_log(lb, "is down: 1 connection to it is reset", 5)
                self.assert_stops(lb)
