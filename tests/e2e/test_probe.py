"""--probe: an agent that says it serves while its data port is dead is not believed."""

import signal
import socket
import time

from lib.case import SLOW, Case, Lb, free_port
from lib.raw import wait_log

PROBE = "tcp every=200ms timeout=300ms"


class Port:
    """A data port on 127.0.0.1 that can be shut and opened again; the kernel accepts for it."""

    def __init__(self, backlog=64):
        self.number = free_port(socket.SOCK_STREAM)
        self.backlog, self.socket = backlog, None
        self.open()

    def open(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", self.number))
        self.socket.listen(self.backlog)

    def close(self):
        self.socket.close()

    def connected(self, within):
        """Somebody connects within so many seconds."""
        self.socket.settimeout(within)
        try:
            self.socket.accept()[0].close()
        except TimeoutError:
            return False
        return True

    def wait_connects(self, n):
        for _ in range(n):
            if not self.connected(within=5):
                raise AssertionError("nobody connects")

    def drop(self):
        """Forgets who has connected."""
        while self.connected(within=0.001):
            pass


class Probe(Case):
    """What the tests of both classes need; each class is a test program of its own (meson.build)."""

    def watch(self, service, *arguments):
        """A server that stands for this service, and its load balancer: (load balancer, index)."""
        port = free_port()
        self.server(port, "--service", service, ip="127.0.0.1")
        lb = self.lb([f"127.0.0.1:{port}"], "--flap-hold", "0", *arguments)
        at, _ = lb.wait_event("up", within=10)
        return lb, at

    def data_port(self, **options):
        port = Port(**options)
        self.addCleanup(port.close)
        return port

    def quiet(self, lb, at):
        """Nothing happens while ten more checks are answered."""
        _, status = lb.wait_status(lambda s: True, 5, len(lb.lines))
        before = status["servers"][0]["checks_ok"]
        lb.wait_status(lambda s: s["servers"][0]["checks_ok"] >= before + 10, 10, len(lb.lines))
        self.assertEqual([e["to"] for e in lb.events()[1:]], [], lb.story())


class Timing(Probe):
    def test_a_lying_agent_is_down_until_its_port_is_open_again(self):
        data = self.data_port()
        for target in ("tcp", f"tcp:{data.number}"):
            with self.subTest(target=target):
                service = f"tcp:{data.number}" if target == "tcp" else "tcp:1"
                lb, _ = self.watch(service, "--probe", PROBE.replace("tcp", target))

                def verdict(lb=lb):
                    at, began = len(lb.lines), time.monotonic()
                    data.close()
                    at, down = lb.wait_event("down", within=10, since=at)
                    took = time.monotonic() - began
                    self.assertEqual(down["reason"], "the agent answers, but its data port does not: "
                                     f"127.0.0.1:{data.number}: connection refused")
                    data.open()
                    lb.wait_event("up", within=10, since=at)
                    return took

                self.assert_soon(verdict, 1 * SLOW)
                self.assert_stops(lb)

    def test_a_server_that_comes_back_with_another_port_is_not_judged_by_the_old_one(self):
        old, new, port = self.data_port(), self.data_port(), free_port()
        agent = self.server(port, "--service", f"tcp:{old.number}", ip="127.0.0.1")
        lb = self.lb([f"127.0.0.1:{port}"], "--flap-hold", "0", "--probe", PROBE)
        at, _ = lb.wait_event("up", within=10)
        old.close()
        at, _ = lb.wait_event("down", within=2, since=at)
        agent.kill()
        self.server(port, "--service", f"tcp:{new.number}", ip="127.0.0.1")
        lb.wait_event("up", within=5, since=at)

    def test_the_application_does_not_see_probes_and_checks_unless_it_expects_the_proxy_protocol(self):
        data = self.data_port()
        for arguments in ((), ("--send-proxy-v2",)):
            with self.subTest(arguments=arguments):
                port = free_port()
                agent = self.server(port, "--service", f"tcp:{data.number}", "--check",
                                    f"tcp:{data.number} every=20ms", ip="127.0.0.1")
                lb = self.lb([f"127.0.0.1:{port}"], "--probe", "tcp every=20ms timeout=300ms", *arguments)
                lb.wait_event("up", within=10)
                if arguments:
                    data.socket.settimeout(5)
                    with data.socket.accept()[0] as seen:
                        self.assertEqual(seen.recv(100), b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")
                else:
                    self.assertFalse(data.connected(within=0.6))  # in the time of 30 probes and 30 checks
                self.assertEqual([e["to"] for e in lb.events()], ["up"])
                for process in (lb, agent):
                    self.assert_stops(process)


class Rest(Probe):
    def test_without_a_probe_the_agent_is_believed(self):
        data = self.data_port()
        lb, at = self.watch(f"tcp:{data.number}")
        data.close()
        self.quiet(lb, at)

    def test_a_server_has_a_probe_of_its_own_which_a_reload_changes(self):
        data, config, ports = self.data_port(), self.dir / "lb.yaml", (free_port(), free_port())
        for port in ports:
            self.server(port, "--service", f"tcp:{data.number}", ip="127.0.0.1")
        names = [f"127.0.0.1:{port}" for port in ports]

        def write(first, second):
            config.write_text(f"servers: ['{names[0]} probe={first}', '{names[1]} {second}']\n")

        write("tcp", "weight=2")
        lb = self.start("lb", "--config", config, "--port", free_port(), "--flap-hold", "0",
                        "--status-format", "json", kind=Lb)
        at, _ = lb.wait_status(lambda s: s["up"] == 2, within=10)
        data.close()
        at, down = lb.wait_event("down", within=10, address=names[0], since=at)
        self.assertIn("its data port does not", down["reason"])
        write("off", f"probe=tcp:{data.number}")
        lb.send(signal.SIGHUP)
        lb.wait_event("up", within=10, address=names[0], since=at)
        lb.wait_event("down", within=10, address=names[1], since=at)

    def test_a_port_that_answers_nothing_is_down_too(self):
        data = self.data_port(backlog=0)
        lb, at = self.watch(f"tcp:{data.number}", "--probe", PROBE)
        fillers = [socket.socket() for _ in range(3)]  # nobody accepts: the queue is full
        for filler in fillers:
            self.addCleanup(filler.close)
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", data.number))
        _, down = lb.wait_event("down", within=5, since=at)
        self.assertIn("no connection in time", down["reason"])

    def test_only_a_service_of_the_server_s_own_address_is_probed(self):
        for service in ("tcp:192.0.2.1:80", "tcp:localhost:1"):
            with self.subTest(service=service):
                lb, at = self.watch(service, "--probe", PROBE)
                wait_log(lb, "names no service tcp:PORT", 5 * SLOW)
                self.quiet(lb, at)
                self.assert_stops(lb)

    def test_a_server_that_is_no_longer_watched_is_no_longer_probed(self):
        """Also when the first reload spelled it otherwise."""
        data, other, port = self.data_port(), free_port(), free_port()
        path = self.dir / "qhcp.yaml"

        def servers(*names):
            path.write_text("servers:\n" + "".join(f"  - {n}\n" for n in names) +
                            f"port: {free}\nprobe:\n  - tcp:{data.number} every=20ms\n"
                            "send-proxy-v2: true\n"  # which makes probes connections that can be seen
                            "status-format: json\ncheck-interval: 1\n", encoding="utf-8")

        free = free_port()
        self.server(port)
        servers(f"localhost:{port}")
        lb = self.start("lb", "--config", path, kind=Lb)
        lb.wait_event("up", within=10)
        data.wait_connects(3)
        servers(f"LocalHost.:{port}")
        lb.send(signal.SIGHUP)
        wait_log(lb, "configuration read again: 1 server", 5)
        data.wait_connects(3)
        servers(f"127.0.0.1:{other}")
        lb.send(signal.SIGHUP)
        wait_log(lb, "1 removed: localhost", 5)
        data.drop()
        self.assertFalse(data.connected(within=0.5))

    def test_probes_that_are_none_are_refused_with_their_place(self):
        for probe, words in (("udp", "expected tcp or tcp:PORT"),
                             ("tcp:0", "a port is 1 to 65535"),
                             ("tcp:70000", "a port is 1 to 65535"),
                             ("tcp:host:80", "expected tcp or tcp:PORT"),
                             ("tcp every=0", r"at character 5, \"every=0\": \"0\" is out of range"),
                             ("tcp rise=0", "a count is 1 to 1000"),
                             ("tcp 80", "expected KEY=VALUE"),
                             ("tcp name=web", "a probe has no name"),
                             ("tcp expect=200", "only an http:// check"),
                             ("tcp colour=red", "not a setting: use every, timeout, fall or rise"),
                             ("", "expected a check|expected tcp or tcp:PORT")):
            with self.subTest(probe=probe):
                status, _, said = self.qhcp("lb", "--servers", "127.0.0.1:1", "--probe", probe)
                self.assertEqual(status, 2, said)
                self.assertRegex(said, words)
                self.assertIn("--probe", said)
        status, _, said = self.qhcp("lb", "--servers", "127.0.0.1:1", "--probe", "tcp", "--probe",
                                    "tcp:80")
        self.assertEqual(status, 2, said)
        self.assertIn("more than 1 entries", said)
