"""The operator's word, and thresholds: drain, undrain, maintenance, degraded; pushed at once."""

import contextlib
import os
import signal
import socket
import stat

from lib.app import hog
from lib.case import SLOW, Case
from lib.control import ControlCase
from lib.raw import wait_log


class Control(ControlCase):
    def test_show_says_what_was_set_and_what_it_comes_to(self):
        self.server(4243, "--check", "tcp:1 name=web")
        lb = self.lb(["127.0.0.1:4243"], "--liveness-interval", "100ms")
        lb.wait_status(lambda s: "connection refused" in s["servers"][0]["reason"], within=10)
        out = self.control("drain")
        self.assertIn("status: not serving: web: connection refused\n", out)
        self.assertIn("set by the operator: draining: by operator\n", out)
        out = self.control("maintenance")
        self.assertIn("status: maintenance: by operator\n", out)
        self.assertRegex(self.control("show"), "(?m)^check web: not serving: connection refused")

    def test_an_application_reports_its_own_metrics_and_load_balancers_that_ask_get_them(self):
        names = "requests_in_flight,application_utilization_percent,queue_percent,queue_length"
        self.server(4243, "--metrics", names)
        lb = self.lb(["127.0.0.1:4243"], "--metrics", names)
        lb.wait_event("up", within=10)
        self.assertEqual(self.control("report", "--metric", "requests_in_flight=12",
                                      "--metric", "application_utilization_percent=81.5",
                                      "--metric", "queue_percent=7", "--metric", "queue_length=3"), "")
        wanted = {"requests_in_flight": 12, "application_utilization_percent": 81.5}
        lb.wait_status(lambda s: wanted.items() <= s["servers"][0]["metrics"].items(), 5)
        self.control("report", "--metric", "requests_in_flight=13")
        lb.wait_status(lambda s: s["servers"][0]["metrics"].get("requests_in_flight") == 13, 5)
        for value, said in (("requests_in_flight=1.5", "is not a metric's value"), ("=1", "is not a metric's value"),
                            ("cpu_usage_percent=1", "one that the server measures itself"),
                            ("Bad=1", "Bad\" is not a metric of this server"),
                            ("requests_in_flights=1", "start it with --metrics requests_in_flights"), ("requests_in_flight=", "is not a metric's value"),
                            ("requests_in_flight=99999999999999999999", "is not a metric's value")):
            status, _, errors = self.qhcp("control", "report", "--metric", value)
            self.assertEqual(status, 2 if "is not a metric's value" in said else 1)
            self.assertIn(said, errors)
        for arguments in (["report"], ["drain", "--metric", "requests_in_flight=1"]):
            status, _, errors = self.qhcp("control", *arguments)
            self.assertEqual(status, 2)
            self.assertIn("--metric goes with report", errors)

    def test_a_drain_that_is_waited_for_says_by_its_exit_status_what_it_came_to(self):
        self.server(4243)
        for arguments, expected, said in ((["--no-forward"], 4, "has open: it runs with --no-forward, or is older"),
                                          ([], 0, "drained: 1 of 1 load balancer has acknowledged, 0 connections")):
            lb = self.lb(["127.0.0.1:4243"], *arguments)
            lb.wait_event("up", within=10)
            status, out, errors = self.qhcp("control", "drain", "--wait", "5s" if expected == 0 else "300ms")
            self.assertEqual(status, expected, out + errors)
            self.assertIn(said, out + errors)
            self.control("undrain")
            self.assertEqual(lb.stop(signal.SIGTERM, 5 * SLOW), 0, lb.story())
        self.assertEqual(self.control("drain", "--wait", "60s"), "drained: no load balancer watches this server\n")

    def test_wrong_commands_are_refused_and_change_nothing(self):
        self.pair()
        for arguments, said, status in (
                (["drian"], "is not a command of qhcp control", 2), ([], "is missing", 2),
                (["show", "--reason", "x"], "--reason goes with drain and maintenance", 2),
                (["show", "--wait", "1s"], "--wait goes with drain and maintenance", 2),
                (["undrain"], "refused: no operator has set it to drain", 1),
                (["show", "--port", "4299"], "no server runs there", 1)):
            got, out, errors = self.qhcp("control", *arguments)
            self.assertEqual((got, out), (status, ""), arguments)
            self.assertIn(said, errors)
        self.assertIn("status: serving\n", self.control("show"))

    def test_the_socket_is_private_and_leaves_with_the_server(self):
        path = self.dir / "op.sock"
        server = self.server(4243, "--control", path)
        lb = self.lb(["127.0.0.1:4243"])
        lb.wait_event("up", within=10)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertIn("status: serving", self.control("show", "--control", path))
        self.assert_stops(lb)
        self.assert_stops(server)
        self.assertFalse(path.exists())

    def test_another_user_is_refused_whatever_the_mode(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        path = self.dir / "op.sock"
        server = self.server(4243, "--control", path)
        lb = self.lb(["127.0.0.1:4243"])
        at, _ = lb.wait_event("up", within=10)
        os.chmod(self.dir, 0o755)
        os.chmod(path, 0o666)
        said, writing = os.pipe()
        child = os.fork()
        if child == 0:  # nobody
            try:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
                with socket.socket(socket.AF_UNIX) as s:
                    s.connect(str(path))
                    with contextlib.suppress(BrokenPipeError):  # it may have been refused already
                        s.sendall(b"drain\n")
                    os.write(writing, s.recv(1000))
            except OSError as e:
                os.write(writing, str(e).encode())
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        self.assertIn("only root and the server's user", os.read(said, 1000).decode())
        os.close(said)
        os.close(writing)
        wait_log(server, "user 65534", 5)
        self.assertIn("status: serving\n", self.control("show", "--control", path))
        self.assertEqual([e["to"] for e in lb.events()], ["up"])

    def test_a_dead_server_s_socket_is_taken_over_and_a_live_one_s_is_not(self):
        first = self.server(4243)
        lb = self.lb(["127.0.0.1:4243"])
        lb.wait_event("up", within=10)
        path = self.state / "control-4243.sock"
        status, _, errors = self.qhcp("server", "--port", "4244", "--control", path)
        self.assertEqual(status, 1)
        self.assertIn("use another one with --control", errors)
        first.kill()
        self.assertTrue(path.exists())
        second = self.server(4243)
        at, _ = lb.wait_event("up", within=10, since=len(lb.lines))
        self.assertIn("status: serving", self.control("show"))
        self.assertNotIn("cannot reach", second.errors())

    def test_a_file_in_the_socket_s_place_is_left_alone(self):
        path = self.dir / "file"
        path.write_text("precious", encoding="ascii")
        status, _, errors = self.qhcp("server", "--control", path)
        self.assertEqual(status, 1)
        self.assertIn("is another file", errors)
        self.assertEqual(path.read_text(encoding="ascii"), "precious")
        status, _, errors = self.qhcp("server", "--control", self.dir / "none" / "socket")
        self.assertEqual((status, "No such file" in errors), (1, True), errors)

    def test_clients_that_say_nothing_or_too_much_delay_nobody(self):
        self.pair()
        path = str(self.state / "control-4243.sock")
        silent = [socket.socket(socket.AF_UNIX) for _ in range(8)]
        for s in silent:
            self.addCleanup(s.close)
            s.connect(path)
        with socket.socket(socket.AF_UNIX) as s:  # all places are taken: it is told by the end
            s.settimeout(5)
            s.connect(path)
            self.assertEqual(s.recv(10), b"")
        for s in silent:  # cut off after two seconds
            s.settimeout(10 * SLOW)
            self.assertEqual(s.recv(10), b"")
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(path)
            s.sendall(b"drain " + b"x" * 600)
            try:
                self.assertEqual(s.recv(10), b"")
            except ConnectionResetError:
                pass
        self.assertIn("status: serving\n", self.control("show"))


class Thresholds(Case):
    def test_a_busy_machine_is_degraded_while_it_lasts(self):
        server = self.server(4243, "--degraded", "cpu_usage_percent>60 clear 59 for 600ms")
        lb = self.lb(["127.0.0.1:4243"], "--liveness-interval", "2s")
        # (where others keep the processors busy it is degraded before anybody asks)
        lb.wait_json(lambda j: j["type"] == "event" and j["to"] in ("up", "degraded"), within=20)
        for process in hog(5):
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
        _, event = lb.wait_event("degraded", within=10)
        self.assertRegex(event["reason"],
                         r"^server is degraded: cpu_usage_percent is [\d.]+: over 60 for 600ms$")
        print(event["reason"])
        self.assertIn("status: degraded", self.qhcp("control", "show")[1])
        self.assertIsNone(server.popen.poll())

    def test_a_rule_that_holds_from_the_start_and_one_that_does_not(self):
        self.server(4243, "--degraded", "memory_usage_percent>0")
        self.server(4244, "--degraded", "memory_usage_percent<0.01")
        lb = self.lb(["127.0.0.1:4243", "127.0.0.1:4244"])
        _, event = lb.wait_event("degraded", within=10)
        self.assertEqual(event["address"], "127.0.0.1:4243")
        lb.wait_event("up", within=10, address="127.0.0.1:4244")
